# One Node for all stages; the suite stays Debian's, since ONNX Runtime needs glibc and does not run on Alpine.
ARG NODE_VERSION=24
ARG DEBIAN_SUITE=bookworm

# What both installs start from. They run on the builder's own platform, never emulated, since what they make holds for
# every platform.
FROM --platform=$BUILDPLATFORM node:${NODE_VERSION}-${DEBIAN_SUITE}-slim AS packages
WORKDIR /app
# No install script runs here: none is needed, and the one of ONNX Runtime fetches CUDA libraries, and fails the install
# where it cannot. The variable says so to that script itself, should it ever run.
ENV ONNXRUNTIME_NODE_INSTALL=skip
COPY package.json package-lock.json .npmrc ./

FROM packages AS build
# The package `node` is for machines with another Node; without its script it stays empty, and this image's Node builds.
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY nest-cli.json tsconfig.json tsconfig.build.json .swcrc ./
COPY deploy/bundle.mjs ./deploy/
COPY src ./src
RUN npm run build

FROM packages AS dependencies
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts --no-audit --no-fund
# ReDoc is one ready-made file that goes to the browser: the hundred packages that it was bundled from stay here. npm
# knows which they are.
RUN mv node_modules/redoc /tmp/redoc \
  && npm uninstall --omit=dev --ignore-scripts --no-save --offline --no-audit --no-fund redoc \
  && mkdir -p node_modules/redoc/bundles \
  && mv /tmp/redoc/package.json /tmp/redoc/LICENSE node_modules/redoc/ \
  && mv /tmp/redoc/bundles/redoc.standalone.js node_modules/redoc/bundles/
# TypeScript is there only as an optional peer of @nestjs/swagger, for its compiler plugin. Type declarations and
# source maps are for editors and debuggers.
RUN rm -rf node_modules/typescript node_modules/.bin/tsc node_modules/.bin/tsserver \
  && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete
# ONNX Runtime carries its libraries for every platform (290 MB); this one needs a single folder of them.
ARG TARGETARCH
RUN case "$TARGETARCH" in amd64) arch=x64 ;; *) arch=$TARGETARCH ;; esac \
  && libraries=node_modules/onnxruntime-node/bin/napi-v6 \
  && test -d "$libraries/linux/$arch" \
  && find "$libraries" -type f ! -path "$libraries/linux/$arch/*" -delete

# The text operators of ONNX (StringNormalizer, as in an exported TfidfVectorizer) ask for this locale by name.
FROM node:${NODE_VERSION}-${DEBIAN_SUITE}-slim AS locale
# No version is pinned: Debian keeps only the newest of a release.
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install -y --no-install-recommends locales \
  && localedef --no-archive -i en_US -f UTF-8 en_US.UTF-8 \
  && rm -rf /var/lib/apt/lists/*

FROM node:${NODE_VERSION}-${DEBIAN_SUITE}-slim
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Nestor" \
  org.opencontainers.image.description="Drop an ONNX model into a folder; get a typed, validated, versioned prediction API." \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
WORKDIR /app
COPY --from=locale /usr/lib/locale/en_US.utf8 /usr/lib/locale/en_US.utf8
# From what changes least to what changes most. Root owns all of it, so the service cannot change its own code.
COPY --from=dependencies /app/node_modules ./node_modules
# It says `"type": "module"`, without which Node takes dist for CommonJS.
COPY package.json ./
COPY models ./models
COPY --from=build /app/dist ./dist
# The only place of the service's own that it writes to: mount a volume here, or set DATABASE_URL to a server. It serves
# without either, and says so.
RUN install -d -o 1000 -g 1000 /data
# HOST: a container's loopback is reached by nobody else. SHUTDOWN_DELAY_MS: until Kubernetes, or a balancer, has
# noticed that no traffic is wanted any more. ORT_DISABLE_TELEMETRY: ONNX Runtime reads it as it loads.
# MALLOC_MMAP_THRESHOLD_: glibc keeps the weights of models that were unloaded, unless this stays what it is at first.
ENV NODE_ENV=production \
  HOST=0.0.0.0 \
  PORT=8000 \
  SHUTDOWN_DELAY_MS=5000 \
  DATABASE_URL=sqlite:/data/nestor.db \
  API_KEYS_FILE=/data/api-keys.json \
  ORT_DISABLE_TELEMETRY=1 \
  MALLOC_MMAP_THRESHOLD_=1048576
# The base image's user `node`, by number: Kubernetes' runAsNonRoot cannot tell from a name that it is not root.
USER 1000:1000
EXPOSE 8000 8001
# By node: the image has no curl. Ready, not merely alive, is what `depends_on: service_healthy` waits for.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Node itself is process 1, with no script or npm between, so that SIGTERM reaches it and it can drain. Without the
# first flag the space for young objects grows to 128 MB under lasting load; without the second, garbage gathers until
# the heap is four times what is in use. Neither makes anything faster (docs/performance.md).
ENTRYPOINT []
CMD ["node", "--max-semi-space-size=8", "--heap-growing-percent=50", "dist/bundle/main.js"]

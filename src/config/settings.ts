import { availableParallelism, totalmem } from 'node:os';
import {
  Bytes,
  DatabaseUrl,
  FileOrUrl,
  Flag,
  Fraction,
  Names,
  Networks,
  OneOf,
  Origins,
  Rate,
  ServerUrl,
  Text,
  WholeNumber,
} from './setting-kinds.js';

/**
 * Everything that can be set from the environment or `.env`, by its name there, with its default for a laptop.
 * One frozen instance is made at start and injected by this class.
 */
export class Settings {
  /** Address to listen on. */
  @Text() readonly HOST: string = '127.0.0.1';

  /** Port to listen on; 0 takes a free one. */
  @WholeNumber(0, 65535) readonly PORT: number = 8000;

  /** Port for gRPC, on the same address; 0 takes a free one. */
  @WholeNumber(0, 65535) readonly GRPC_PORT: number = 8001;

  /** Processes that serve on the one port; 1: this process alone, without one that looks after it. */
  @WholeNumber(1, 256) readonly WORKERS: number = 1;

  /** Folder of models, or of one model, or of one version of it. */
  @Text() readonly MODELS_DIR: string = './models';

  /** Name of the model where MODELS_DIR is one model's folder, or one version's; that of the model's folder without it. */
  @Text() readonly MODEL_NAME: string | undefined = undefined;

  /** The model that answers /predict. Without it: the only model there is, else the one that is `primary`. */
  @Text() readonly DEFAULT_MODEL: string | undefined = undefined;

  /** Models without which the service is not ready, beside the default one; `all` means each. */
  @Names() readonly REQUIRED_MODELS: readonly string[] = [];

  /** Milliseconds after which MODELS_DIR is looked at again, whether or not it told of a change; 0: only at start. */
  @WholeNumber(0, 3_600_000) readonly WATCH_INTERVAL_MS: number = 5000;

  /** Milliseconds for which a folder must not have changed before it is read: it may still be being copied. */
  @WholeNumber(0, 600_000) readonly QUIET_MS: number = 1000;

  /** Rows that one batch may hold. */
  @WholeNumber(1, 1_000_000) readonly MAX_BATCH_SIZE: number = 100;

  /** Largest body, after decompression, in bytes. */
  @Bytes() readonly BODY_LIMIT: number = 10 * 1024 ** 2;

  /** Memory for all bodies that are being read; beyond it large ones are answered 503. An eighth of what there is. Workers share it. */
  @Bytes() readonly BODIES_LIMIT: number = Math.floor(
    Math.min(totalmem(), process.constrainedMemory() || Infinity) / 8,
  );

  /** Rows that may wait for one version; beyond them requests are answered 503 at once. */
  @WholeNumber(1, 1_000_000) readonly QUEUE_LIMIT: number = 1024;

  /** Milliseconds that a request may take before it is answered 504. */
  @WholeNumber(1, 3_600_000) readonly REQUEST_TIMEOUT_MS: number = 30_000;

  /** Worker threads that a model gets that is too slow for the HTTP thread, each with the model in memory. */
  @WholeNumber(1, 64) readonly MODEL_THREADS: number = 1;

  /** Memory for all loaded versions; beyond it the least recently used lazy ones are unloaded. Without it: no bound. */
  @Bytes() readonly MEMORY_BUDGET: number | undefined = undefined;

  /** Milliseconds after which a run that does not end makes the service not ready; after twice as many, not live. */
  @WholeNumber(1, 3_600_000) readonly STUCK_AFTER_MS: number = 60_000;

  /** Threads that one run of a model may use. Without it workers share the cores. */
  @WholeNumber(1, 1024) readonly INFERENCE_THREADS: number = Math.min(4, availableParallelism());

  /** Where decisions of operators and the history of versions are kept: a file of SQLite, or PostgreSQL. */
  @DatabaseUrl() readonly DATABASE_URL: string = 'sqlite:./data/nestor.db';

  /** Connections to PostgreSQL that one process may have. */
  @WholeNumber(1, 1000) readonly DATABASE_POOL_MAX: number = 10;

  /** Milliseconds that the database may take to be connected to, and for what is asked of it; then it counts as away. */
  @WholeNumber(10, 600_000) readonly DATABASE_TIMEOUT_MS: number = 2000;

  /** Redis for what all replicas share: cached predictions and rate limits. Without it each process has its own, in memory. */
  @ServerUrl('redis', 'rediss') readonly REDIS_URL: string | undefined = undefined;

  /** Milliseconds that Redis may take for an answer; then it is done without it. */
  @WholeNumber(1, 10_000) readonly REDIS_TIMEOUT_MS: number = 20;

  /** Seconds for which a cached prediction is given again, where its model.yaml does not say. */
  @WholeNumber(1, 31_536_000) readonly CACHE_TTL_S: number = 60;

  /** Predictions that are kept in memory; the least recently used go. */
  @WholeNumber(1, 100_000_000) readonly CACHE_MAX_ENTRIES: number = 10_000;

  /** Memory that they may take together. */
  @Bytes() readonly CACHE_MEMORY: number = 64 * 1024 ** 2;

  /** on: calls need an API key or a token with the scope for it; off: whoever reaches the port may predict. */
  @OneOf('off', 'on') readonly AUTH: 'off' | 'on' = 'off';

  /** Where API keys are kept, as hashes. */
  @Text() readonly API_KEYS_FILE: string = './data/api-keys.json';

  /** File or URL of the JSON Web Key Set that tokens are signed with. Without it no token is taken. */
  @FileOrUrl() readonly JWT_JWKS: string | undefined = undefined;

  /** What a token's `iss` must be. */
  @Text() readonly JWT_ISSUER: string | undefined = undefined;

  /** What a token's `aud` must hold. */
  @Text() readonly JWT_AUDIENCE: string | undefined = undefined;

  /** Seconds by which the clock of whoever signs tokens may differ. */
  @WholeNumber(0, 3600) readonly JWT_CLOCK_SKEW_S: number = 30;

  /** What needs no credentials though AUTH is on: of probes, metrics, docs; or none. */
  @Names('probes', 'metrics', 'docs', 'none') readonly AUTH_PUBLIC: readonly string[] = ['probes'];

  /** Rows that a caller may send in a time, as in 100/1s; off: any number. */
  @Rate() readonly RATE_LIMIT: Rate | 'off' = 'off';

  /** Addresses or networks (10.0.0.0/8) of proxies whose X-Forwarded-For is believed. */
  @Networks() readonly TRUSTED_PROXIES: readonly string[] = [];

  /** Origins whose pages may call, as in https://app.example.com; `*` means any. Without it none but the service's own. */
  @Origins() readonly CORS_ORIGINS: readonly string[] = [];

  /** Milliseconds in which a request must have arrived whole. */
  @WholeNumber(100, 3_600_000) readonly RECEIVE_TIMEOUT_MS: number = 60_000;

  /** Connections that one process may have; beyond them new ones are closed at once. */
  @WholeNumber(1, 1_000_000) readonly MAX_CONNECTIONS: number = 10_000;

  /** Predictions that the prediction log keeps, up to a tenth more; the oldest go. */
  @WholeNumber(1, 1_000_000_000) readonly PREDICTIONS_KEPT: number = 100_000;

  /** Collector that traces are sent to, by OTLP over HTTP. Without it there are none. */
  @ServerUrl('http', 'https') readonly OTEL_EXPORTER_OTLP_ENDPOINT: string | undefined = undefined;

  /** The part of all traces that is recorded, of those that begin here; of others their callers have decided. */
  @Fraction() readonly OTEL_TRACES_SAMPLER_ARG: number = 1;

  /** What traces call this service. */
  @Text() readonly OTEL_SERVICE_NAME: string = 'nestor';

  /** Events of the history that are kept, up to a tenth more; the oldest go. */
  @WholeNumber(1, 10_000_000) readonly EVENTS_KEPT: number = 10_000;

  /** The least serious log lines that are written. */
  @OneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent') readonly LOG_LEVEL: string = 'info';

  /** Which log lines a request makes: its start and its end, its end only, or none. */
  @OneOf('both', 'completed', 'off') readonly LOG_REQUESTS: 'both' | 'completed' | 'off' = 'both';

  /** true writes the rows that are sent into the log, false leaves them out: they may be personal. */
  @Flag() readonly LOG_FEATURES: boolean = false;

  /** On SIGTERM, milliseconds for which requests are still taken while /health/ready says that there are better places. */
  @WholeNumber(0, 3_600_000) readonly SHUTDOWN_DELAY_MS: number = 0;

  /** After that, milliseconds until requests that are still being answered or sent are cut off. */
  @WholeNumber(0, 3_600_000) readonly SHUTDOWN_TIMEOUT_MS: number = 30_000;

  /** true serves /docs, /redoc and /openapi.*, false does not. */
  @Flag() readonly DOCS: boolean = true;
}

const FETCH_MS = 2000;
/** The sets of large issuers have 20 KB. */
const MAX_BYTES = 256 * 1024;

/**
 * What a URL answers, however its server behaves: within two seconds, and no more than 256 KB of it. Redirects are not
 * followed: whom to trust is what the URL says.
 *
 * @throws Error that says why there is no text, and nothing of the URL, which may hold a password
 */
export async function fetchText(url: URL): Promise<string> {
  const signal = AbortSignal.timeout(FETCH_MS);
  try {
    const response = await fetch(url, { signal, redirect: 'manual', headers: { Accept: 'application/json' } });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`the server answers ${response.status}`);
    }
    return await textOf(response);
  } catch (error) {
    if (signal.aborted) throw new Error(`the server does not answer within ${FETCH_MS} ms`, { cause: error });
    const { message, cause } = error as Error & { cause?: { code?: string } };
    throw new Error(cause?.code ?? message, { cause: error });
  }
}

async function textOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new Error(`the server answers more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

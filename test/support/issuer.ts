import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

interface SigningKey {
  kid: string;
  algorithm: string;
  privateKey: CryptoKey;
  jwk: JWK;
}

/** Who signs tokens: real keys, and a real server that gives the public ones. */
export class Issuer {
  /** How often the keys were asked for. */
  asked = 0;
  /** Answers in place of the keys, where it is there. */
  misbehaves: RequestListener | undefined;
  readonly keys: SigningKey[] = [];
  private server: Server | undefined;
  private port = 0;

  static async start(): Promise<Issuer> {
    const issuer = new Issuer();
    await issuer.add('first');
    await issuer.listen();
    return issuer;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/jwks.json`;
  }

  get jwks(): { keys: JWK[] } {
    return { keys: this.keys.map(({ jwk }) => jwk) };
  }

  /** The current key; tokens are signed with it. */
  get current(): SigningKey {
    return this.keys.at(-1) as SigningKey;
  }

  async add(kid: string, algorithm = 'RS256'): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair(algorithm);
    this.keys.push({ kid, algorithm, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' } }); // prettier-ignore
  }

  /** Takes the oldest key back. */
  withdraw(): void {
    this.keys.shift();
  }

  /** A token for these claims, valid for ten minutes unless they say something else. */
  sign(claims: Record<string, unknown>, header: Record<string, unknown> = {}, by = this.current): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({ sub: 'someone', scope: 'predict read', iat: now, exp: now + 600, ...claims })
      .setProtectedHeader({ alg: by.algorithm, kid: by.kid, ...header })
      .sign(by.privateKey);
  }

  async listen(): Promise<void> {
    this.server = createServer((request, response) => {
      this.asked++;
      if (this.misbehaves) this.misbehaves(request, response);
      else response.setHeader('Content-Type', 'application/json').end(JSON.stringify(this.jwks));
    });
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = this.server?.listening ? once(this.server, 'close') : undefined;
    this.server?.close();
    this.server?.closeAllConnections();
    await closed;
  }
}

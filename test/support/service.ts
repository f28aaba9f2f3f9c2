import { type NestExpressApplication } from '@nestjs/platform-express';
import { type Environment } from '../../src/config/read-settings.js';
import { createApp } from '../../src/create-app.js';
import { GrpcServer } from '../../src/grpc/grpc-server.js';
import { Reconciler } from '../../src/registry/reconciler.js';
import { SHIPPED } from './model-folder.js';

/** An answer, read whole. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The body as JSON; fails where it is not. */
  json: Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- tests read answers freely
}

/** The whole service in this process, on a free port, with real models and real HTTP. */
export class Service {
  private constructor(
    readonly app: NestExpressApplication,
    readonly url: string,
  ) {}

  /** Starts it and waits for its first loads. */
  static async start(environment: Environment = {}): Promise<Service> {
    const app = await createApp({
      MODELS_DIR: SHIPPED,
      QUIET_MS: '0',
      LOG_LEVEL: 'silent',
      PORT: '0',
      GRPC_PORT: '0',
      DATABASE_URL: 'sqlite::memory:',
      ...environment,
    });
    try {
      await app.listen(0, '127.0.0.1');
      await app.get(Reconciler).settled();
      return new Service(app, await app.getUrl());
    } catch (error) {
      await app.close(); // as the process does
      throw error;
    }
  }

  async call(
    method: string,
    path: string,
    options: { body?: string | Uint8Array<ArrayBuffer>; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const response = await fetch(this.url + path, { method, ...options });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      get json() {
        return JSON.parse(text) as Answer['json'];
      },
    };
  }

  get(path: string): Promise<Answer> {
    return this.call('GET', path);
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send(path, JSON.stringify(body), headers);
  }

  /** Posts text as it stands, as JSON. */
  send(path: string, body: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.call('POST', path, { body, headers: { 'Content-Type': 'application/json', ...headers } });
  }

  /** Opens its port for gRPC. @returns host and port */
  async openGrpc(): Promise<string> {
    const grpc = this.app.get(GrpcServer);
    await grpc.open();
    return `127.0.0.1:${String(grpc.address?.port)}`;
  }

  async stop(): Promise<void> {
    await this.app.close();
  }
}

import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Scope } from '../../src/common/principal.js';
import { type ApiKey, newKey } from '../../src/security/auth/api-key.js';
import { changeKeyFile } from '../../src/security/auth/change-key-file.js';

/** A file of API keys, in a folder of its own. */
export class KeyRing {
  private constructor(readonly folder: string) {}

  static async make(): Promise<KeyRing> {
    return new KeyRing(await mkdtemp(join(tmpdir(), 'nestor-keys-')));
  }

  get path(): string {
    return join(this.folder, 'api-keys.json');
  }

  /** Settings of a service that takes these keys. */
  get environment(): Record<string, string> {
    return { AUTH: 'on', API_KEYS_FILE: this.path };
  }

  /** Makes a key with these scopes. */
  async add(name: string, scopes: Scope[], more: Partial<ApiKey> = {}): Promise<string> {
    const { key, id, hash } = newKey();
    const made = { id, name, hash, scopes, created: new Date().toISOString(), ...more };
    await changeKeyFile(this.path, (keys) => [...keys, made]);
    return key;
  }

  async revoke(name: string): Promise<void> {
    const revoked = new Date().toISOString();
    await changeKeyFile(this.path, (keys) => keys.map((key) => (key.name === name ? { ...key, revoked } : key)));
  }

  read(): Promise<string> {
    return readFile(this.path, 'utf8');
  }

  /** Puts text in its place as it stands, in one step: nobody reads a half of it. */
  async write(text: string): Promise<void> {
    await writeFile(`${this.path}.new`, text);
    await rename(`${this.path}.new`, this.path);
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** The header that shows a key. */
export const showing = (key: string) => ({ Authorization: `Bearer ${key}` });

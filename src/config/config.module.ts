import { type DynamicModule, Global, Module } from '@nestjs/common';
import { ConfigModule as NestConfigModule, ConfigService } from '@nestjs/config';
import { accessHints } from './access-hints.js';
import { type Environment, misspeltSettings, readSettings, SettingsProblem } from './read-settings.js';
import { Settings } from './settings.js';

/** Token of the lines to show about names that look like settings and are none. */
export const SETTING_HINTS = Symbol('setting hints');

/** Injects the one frozen `Settings` everywhere. Nothing else reads the environment. */
@Global()
@Module({})
export class ConfigModule {
  /**
   * @param environment what to take in place of the process's environment and `.env`
   * @throws SettingsProblem when any setting is wrong (by the time the application is created)
   */
  static forRoot(environment?: Environment): DynamicModule {
    const source = nestConfig(environment);
    return {
      module: ConfigModule,
      imports: [source],
      providers: [
        {
          provide: Settings,
          inject: [ConfigService],
          useFactory: (config: ConfigService) => config.getOrThrow<Settings>('settings'),
        },
        {
          provide: SETTING_HINTS,
          inject: [ConfigService],
          useFactory: (config: ConfigService) => config.getOrThrow<string[]>('hints'),
        },
      ],
      exports: [Settings, SETTING_HINTS],
    };
  }
}

/**
 * The settings, for a process that makes no application.
 *
 * @throws SettingsProblem when any setting is wrong
 */
export async function loadSettings(): Promise<Settings> {
  let settings = new Settings();
  await nestConfig(undefined, (read) => (settings = read));
  return settings;
}

/** Reads the environment and `.env`. */
async function nestConfig(
  environment: Environment | undefined,
  onRead?: (settings: Settings) => void,
): Promise<DynamicModule> {
  try {
    return await NestConfigModule.forRoot({
      cache: true,
      ignoreEnvFile: environment !== undefined,
      ignoreEnvVars: environment !== undefined,
      skipProcessEnv: true,
      validate: (read: Record<string, string>) => {
        const given = environment ?? read;
        const fromFile = Object.keys(read).filter((name) => !(name in process.env));
        const settings = readSettings(given);
        onRead?.(settings);
        return { settings, hints: [...misspeltSettings(given, fromFile), ...accessHints(settings, given)] };
      },
    });
  } catch (error) {
    const { syscall, code } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw new SettingsProblem([`.env cannot be read (${code ?? 'unknown error'})`]);
  }
}

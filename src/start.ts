import { link } from './cluster/link.js';
import { loadSettings } from './config/config.module.js';
import { explain } from './explain.js';
import { handleSignals } from './signals.js';

/** Starts this process's part: the service, or where it has workers, what looks after them. */
try {
  const settings = await loadSettings();
  if (link || settings.WORKERS === 1) {
    const { serve } = await import('./serve.js');
    await serve();
  } else {
    const { runPrimary } = await import('./cluster/run-primary.js');
    const primary = await runPrimary(settings, process.argv[1] as string, end);
    handleSignals({
      stop: (isImpatient) => void primary.stop(isImpatient),
      restart: () => {
        primary.restart.begin();
      },
    });
  }
} catch (error) {
  if (link) await link.primary.ask('failed', [explain(error)]).catch(() => undefined);
  end(1, link ? [] : explain(error));
}

function end(code: number, lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`nestor cannot start: ${line}\n`);
  process.exit(code);
}

/** What the system asks of the process by a signal. */
export interface SignalHandlers {
  /** SIGTERM, SIGINT; each one but the first is impatient. */
  stop(isImpatient: boolean): void;
  /** SIGHUP, unless it says that the terminal is gone: that stops. */
  restart(): void;
}

/** Nothing has begun that would have to be ended in order. */
let handlers: SignalHandlers = {
  stop: () => process.exit(0),
  restart: () => undefined,
};
let stops = 0;

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
process.on('SIGHUP', () => {
  if (process.stdin.isTTY) stop();
  else handlers.restart();
});

/** Has signals handled by another part from now on. */
export function handleSignals(by: SignalHandlers): void {
  handlers = by;
}

function stop(): void {
  handlers.stop(stops++ > 0);
}

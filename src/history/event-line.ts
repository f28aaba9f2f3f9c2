import { type PinoLogger } from 'nestjs-pino';
import { type EventKind, type ModelEvent } from './event.js';

/** Message of an event's line in the log; that of a state is made from the state. */
const MESSAGES: Record<Exclude<EventKind, 'state'>, string> = {
  default: 'default_changed',
  label: 'label_changed',
  load: 'version_load_asked',
  unload: 'version_unload_asked',
};

/**
 * Writes an event's line into the log.
 *
 * @param details what only the line has besides
 */
export function logEvent(logger: PinoLogger, event: ModelEvent, details: object): void {
  const { kind, model, version, label, from, to, why, who } = event;
  const fields = { event: kind, model, version, label, from, to, reason: why, who, ...details };
  if (kind !== 'state') logger.info(fields, MESSAGES[kind]);
  else if (to === 'READY' && why !== undefined) logger.warn(fields, 'version_not_replaced');
  else if (to === 'FAILED') logger.error(fields, 'version_failed');
  else if (to === 'LOADING' || to === 'CHECKING') logger.debug(fields, `version_${to.toLowerCase()}`);
  else logger.info(fields, `version_${(to ?? '').toLowerCase()}`);
}

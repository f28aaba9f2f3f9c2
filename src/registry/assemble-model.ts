import { type Decision, decisionOn } from './decisions.js';
import { exclusionOf } from './exclusion.js';
import { selectVersions } from './model-file.js';
import { Model } from './model.js';
import { type ModelVersion } from './model-version.js';
import { type ModelEntry, type VersionEntry } from './repository.js';

/**
 * A model as its folder and its operators have it now, of the versions that are there already and of new ones.
 *
 * @param before the model as it was; its versions are told what has changed for them
 */
export function assembleModel(
  entry: ModelEntry,
  before: Model | undefined,
  decisions: readonly Decision[],
  newVersion: (found: VersionEntry) => ModelVersion,
): Model {
  const { name, versions, problem, warnings = [] } = entry;
  // A mistake in model.yaml does not undo what serves, nor does a folder that cannot be read: it goes on, and says so.
  const isKnown = entry.isUnreadable === true || versions.length > 0;
  const keeps = problem !== undefined && before?.versions.some(({ canServe }) => canServe) === true && isKnown;
  const spec = keeps ? before.spec : entry.spec;
  const entries = keeps && entry.isUnreadable ? before.versions.map((version) => version.entry) : versions;
  const selected = new Set(selectVersions(spec, entries.map(({ version }) => version))); // prettier-ignore
  const made = entries.map((found) => {
    const version = before?.find(found.version) ?? newVersion(found);
    const decision = decisionOn(found.version, decisions);
    version.entry = found;
    version.isLazy = spec.load === 'lazy' && decision?.value !== 'load';
    const exclusion = exclusionOf(keeps ? undefined : problem, decision, selected.has(found.version));
    if (exclusion) version.exclude(exclusion.state, exclusion.reason);
    else version.include();
    return version;
  });
  const model = new Model(name, spec, made, problem, warnings, decisions);
  model.isSettled = before?.isSettled ?? false;
  return model;
}

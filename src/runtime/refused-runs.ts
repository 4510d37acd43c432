import type { PluginError } from '../core/errors.ts'
import type { Run } from './launching/launcher.ts'

const refused = new WeakMap<Run, PluginError>()

/** Of a run that is about to be ended because its plugin may not go on. */
export const noteRefusal = (run: Run, why: PluginError): void => void refused.set(run, why)

/** Why `endWhenRefused` ended a run; `undefined`: it did not. */
export const refusalOfRun = (run: Run): PluginError | undefined => refused.get(run)

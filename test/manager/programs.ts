import { readFileSync } from 'node:fs'
import type { ReleaseSpec } from '../helpers/authority.ts'
import { manifestOf } from './household.ts'

/** A release of acme/hello whose one program is the file at `program`. */
export const pluginSpec = (program: string, rest: object = {}, version = '1.0.0'): ReleaseSpec => ({
  version,
  files: { 'bin/x': readFileSync(program), 'plugin.json': manifestOf({ version, ...rest }) },
  executable: ['bin/x'],
})

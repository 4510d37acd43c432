import type { HostOptions } from '../index.ts'

/** The options every command takes (DESIGN §6). */
export interface GlobalOptions {
  readonly home?: string | undefined
  readonly json: boolean
  readonly quiet: boolean
  readonly color: boolean
}

/** What a command is given besides its own arguments. */
export interface Settings extends GlobalOptions {
  readonly columns: number
  /** Told of what an interrupted command had left. */
  readonly onRecovered?: HostOptions['onRecovered']
}

/** What of the settings is about the home. */
export const homeOf = ({ home, onRecovered }: Settings): HostOptions => ({ home, onRecovered })

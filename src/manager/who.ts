import { type Who, whoOf } from '../core/who.ts'
import type { Host } from './host.ts'

/** Who decides something on this host at this moment. */
export const whoDecides = ({ caller }: Pick<Host, 'caller'>): Who => whoOf(caller, process.env)

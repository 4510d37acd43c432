import { PluginError, StoreError } from './errors.ts'

const NO_FILE = /^(?:spawn|connect|getaddrinfo|listen|bind|accept|kill)/

/** Of Node's own errors those that name a system call are about this host; most of them about its files. Not all have a code. */
export const isOfDisk = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && !NO_FILE.test((error as NodeJS.ErrnoException).syscall ?? 'spawn')

/** Said by us, or by the disk; whatever else is thrown is a bug, and nothing to go on after. */
export const isFailure = (error: unknown): error is Error => error instanceof PluginError || isOfDisk(error)

/** What Node says of it. `rmSync` of Node 24 has no code for what the kernel says, and begins with the place where it would stand. */
export const reasonOfDisk = ({ message }: Error): string => message.replace(/^, Unknown error: /, '')

/** What could not be done because of a file, as an error that says so; any other error as it is. */
export const asDiskFailed = (what: string, error: unknown): unknown =>
  isOfDisk(error) && !(error instanceof PluginError)
    ? new StoreError('DISK_FAILED', `cannot ${what}: ${reasonOfDisk(error)}`, { cause: error })
    : error

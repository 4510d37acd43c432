import { PluginError, StoreError } from './errors.ts'

const NO_FILE = /^(?:spawn|connect|getaddrinfo|listen|bind|accept|kill)/

/** Of Node's own errors those that name a system call are about this host; most of them about its files. Not all have a code. */
export const isOfDisk = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && !NO_FILE.test((error as NodeJS.ErrnoException).syscall ?? 'spawn')

/** What could not be done because of a file, as an error that says so; any other error as it is. */
export const asDiskFailed = (what: string, error: unknown): unknown =>
  isOfDisk(error) && !(error instanceof PluginError)
    ? new StoreError('DISK_FAILED', `cannot ${what}: ${error.message}`, { cause: error })
    : error

import { PAYLOAD_TYPE, type ReleaseStatement } from '../core/statement.ts'
import { buildStatement, parseStatement } from './statement.ts'

/**
 * What is recorded at install where no signature covers a list of files: a statement of our own in the form of a signed
 * one, so that one parser with one set of rules reads both. It proves nothing by itself. Whoever keeps it must keep its
 * sha256 elsewhere, and compare before it is read.
 */
export const recordFiles = (statement: ReleaseStatement): Buffer => buildStatement(statement)

/** @throws VerificationError `STATEMENT_INVALID` */
export const readRecordedFiles = (bytes: Buffer): ReleaseStatement => parseStatement(PAYLOAD_TYPE, bytes)

import type { ExitCode } from './exit-codes.ts'

/** One row per stable error code. `docs/errors.md` is this table; a test holds the two equal. */
interface ErrorKind {
  readonly exitCode: Exclude<ExitCode, 0>
  readonly meaning: string
}

export const ERROR_CODES = {
  // Usage: exit 2
  USAGE: { exitCode: 2, meaning: 'the command line, or what a host passes to the library, cannot be understood' },
  CONSENT_NEEDED: { exitCode: 2, meaning: 'a question must be answered and there is no terminal to ask it on' },

  CONSENT_REFUSED: { exitCode: 1, meaning: 'the question was answered with no' },
  HOOK_FAILED: { exitCode: 1, meaning: 'a hook of a plugin failed; what it was part of is undone' },
  HEALTH_FAILED: { exitCode: 1, meaning: 'a release failed its own health check; what let it in is undone' },
  FILE_UNWRITABLE: { exitCode: 1, meaning: 'a file cannot be written' },

  // Authors: exit 1
  MANIFEST_INVALID: { exitCode: 1, meaning: 'plugin.json breaks its schema; every fault is listed with its path' },
  MANIFEST_MISSING: { exitCode: 1, meaning: 'there is no plugin.json' },
  PACKAGE_INVALID: { exitCode: 1, meaning: 'the folder holds something that may not be packed' },
  KEY_FILE_INVALID: { exitCode: 1, meaning: 'a key file is damaged, of another kind, or readable by others' },
  PASSPHRASE_NEEDED: { exitCode: 2, meaning: 'the key is encrypted and no passphrase was given' },
  PASSPHRASE_WRONG: { exitCode: 1, meaning: 'the passphrase does not open the key file' },
  ALREADY_SIGNED: { exitCode: 1, meaning: 'this signer has signed the tarball already' },
  IDENTITY_TOKEN_NEEDED: { exitCode: 2, meaning: 'keyless signing found no identity token' },
  IDENTITY_TOKEN_INVALID: { exitCode: 1, meaning: 'an identity token is damaged, expired or made for somebody else' },
  SIGNING_FAILED: { exitCode: 1, meaning: 'a service that takes part in signing failed, or gave what cannot be used' },
  FILE_EXISTS: { exitCode: 1, meaning: 'the command would overwrite a file' },
  FILE_UNREADABLE: { exitCode: 1, meaning: 'a file cannot be opened: missing, a link, or not a regular file' },
  CONFIG_INVALID: { exitCode: 1, meaning: 'config.json breaks its schema' },
  LOCK_INVALID: { exitCode: 1, meaning: 'plugins.lock breaks its schema, or asks for what cannot be together' },
  LOCK_DIFFERS: { exitCode: 1, meaning: 'this host is not as plugins.lock says, and may not or cannot be made so' },

  // Verification: exit 3, one verdict each
  UNSIGNED: { exitCode: 3, meaning: 'nobody signed it, and it is not, or no longer, allowed unsigned' },
  BUNDLE_MALFORMED: { exitCode: 3, meaning: 'the bundle breaks the Sigstore bundle format or our rules for it' },
  SIGNATURE_INVALID: { exitCode: 3, meaning: 'the signature does not match the signed bytes' },
  CERTIFICATE_INVALID: {
    exitCode: 3,
    meaning: 'the certificate is not one that the trusted root vouches for, or not one for signing',
  },
  LOG_INVALID: { exitCode: 3, meaning: 'there is no valid proof that a trusted log holds the signature' },
  TIMESTAMP_INVALID: { exitCode: 3, meaning: 'a timestamp is not one that a trusted authority made, or there is none' },
  ROOT_INVALID: { exitCode: 3, meaning: 'a Sigstore trusted root breaks its format or our rules for it' },
  SIGNER_NOT_TRUSTED: { exitCode: 3, meaning: 'the trust policy names no such signer for this plugin' },
  THRESHOLD_NOT_MET: { exitCode: 3, meaning: 'fewer distinct principals signed than the policy demands' },
  COUNTERSIGNATURE_MISSING: { exitCode: 3, meaning: 'fewer distinct countersigners signed than the policy demands' },
  PREDICATE_NOT_ACCEPTED: { exitCode: 3, meaning: 'the policy accepts no statements of this type for this plugin' },
  KEY_EXPIRED: { exitCode: 3, meaning: 'the key is outside its validity window' },
  KEY_REVOKED: { exitCode: 3, meaning: 'the key was revoked' },
  ROTATION_REFUSED: {
    exitCode: 3,
    meaning: 'a rotation would give a key to a second principal, or bring back one that was taken out',
  },
  DIGEST_MISMATCH: { exitCode: 3, meaning: 'the tarball is not the one that was signed' },
  SUBJECT_MISMATCH: { exitCode: 3, meaning: 'the statement is about another plugin or version' },
  STATEMENT_INVALID: { exitCode: 3, meaning: 'the signed statement breaks its schema' },
  STATEMENT_EXPIRED: { exitCode: 3, meaning: 'the signed statement has passed its own expiry' },
  DOWNGRADE_REFUSED: { exitCode: 3, meaning: 'a newer version was installed before' },
  VERSION_REPUBLISHED: { exitCode: 3, meaning: 'the same version was seen before with other bytes' },
  RELEASE_TOO_YOUNG: { exitCode: 3, meaning: 'the release has not been out for as long as this host asks of one' },
  MODIFIED: { exitCode: 3, meaning: 'installed files differ from the signed list' },
  RELEASE_REVOKED: { exitCode: 3, meaning: 'the release was revoked' },
  METADATA_STALE: { exitCode: 3, meaning: 'trust metadata is older than it may be' },
  VERIFIER_ERROR: { exitCode: 3, meaning: 'the verifier itself failed; this is a refusal, never a pass' },
  CLOCK_BEHIND: { exitCode: 3, meaning: 'the clock is behind a moment that this host has seen' },
  POLICY_INVALID: { exitCode: 3, meaning: 'trust.json breaks its schema' },
  POLICY_UNSAFE: { exitCode: 3, meaning: 'trust.json, config.json or a parent folder could be changed by others' },

  SCANNER_REFUSED: { exitCode: 3, meaning: "a scanner of the host's operator refused the release" },
  SCANNER_FAILED: {
    exitCode: 3,
    meaning: "a scanner of the host's operator gave no verdict; this is a refusal, never a pass",
  },

  // Registries: exit 1, 3 or 4
  REGISTRY_UNREACHABLE: { exitCode: 1, meaning: 'a registry cannot be reached, or does not answer as one' },
  REGISTRY_INVALID: {
    exitCode: 1,
    meaning: 'a registry, its index or its folder breaks the format; every fault is listed',
  },
  REGISTRY_MISMATCH: { exitCode: 3, meaning: 'a registry listed something else than it gave' },
  REGISTRY_NOT_FOUND: { exitCode: 4, meaning: 'no registry of this name, or none for this plugin, is configured' },
  RELEASE_NOT_FOUND: { exitCode: 4, meaning: 'the registry has no such plugin, or no release of it in this range' },
  DOWNLOAD_FAILED: { exitCode: 1, meaning: 'a tarball or its bundle could not be fetched whole' },
  TOKEN_FILE_INVALID: {
    exitCode: 1,
    meaning: 'the token file of a registry is missing, readable by others or not one line',
  },

  // Archive: exit 3
  ARCHIVE_MALFORMED: { exitCode: 3, meaning: 'the tarball is not one whole gzip member holding one tar archive' },
  ARCHIVE_UNSAFE: { exitCode: 3, meaning: 'the archive holds an entry that may not be unpacked' },
  ARCHIVE_TOO_LARGE: { exitCode: 3, meaning: 'the archive is beyond a bound on size, entries, depth or path length' },
  ARCHIVE_MISMATCH: { exitCode: 3, meaning: 'the archive holds other files than its signed statement lists' },

  // Store: exit 4 or 1
  NOT_INSTALLED: { exitCode: 4, meaning: 'no such plugin is installed' },
  ALREADY_INSTALLED: { exitCode: 4, meaning: 'this release is installed already' },
  WRONG_STATE: { exitCode: 4, meaning: 'the installation is in a state that does not allow this' },
  NOTHING_KEPT: { exitCode: 4, meaning: 'no such version is kept to go back to' },
  NOT_RUNNING: { exitCode: 4, meaning: 'no run of this plugin goes on' },
  RUN_NOT_FOUND: { exitCode: 4, meaning: 'there is no such run' },
  STOP_FAILED: { exitCode: 1, meaning: 'a run could not be stopped, or not by this user' },
  PRINCIPAL_NOT_FOUND: { exitCode: 4, meaning: 'trust.json names no such principal' },
  ROOT_NOT_FOUND: { exitCode: 4, meaning: 'there is no Sigstore trusted root of this name' },
  DEPENDENCY_MISSING: {
    exitCode: 4,
    meaning: 'a plugin, or a version of one, that is wanted or needed is nowhere to be had',
  },
  DEPENDENCY_NEEDED: { exitCode: 4, meaning: 'an installed plugin needs the one that was to go' },
  DEPENDENCY_CONFLICT: { exitCode: 1, meaning: 'no version of a plugin is good for all that need it' },
  DEPENDENCY_CYCLE: { exitCode: 1, meaning: 'plugins need each other in a circle' },
  DEPENDENCY_UNDECIDED: {
    exitCode: 1,
    meaning: 'no versions that go together were found within the bound on the search',
  },
  STORE_TOO_NEW: { exitCode: 1, meaning: 'the database was written by a newer version' },
  STORE_BUSY: { exitCode: 1, meaning: 'another process holds the store or this plugin' },
  STORE_UNREADABLE: { exitCode: 1, meaning: 'the database is damaged or cannot be opened' },
  UIDS_EXHAUSTED: { exitCode: 1, meaning: 'no user id is left in the configured range' },
  DISK_FAILED: {
    exitCode: 1,
    meaning: 'a file cannot be written, read or moved: the disk is full, read-only or failing',
  },
  REPAIR_FAILED: { exitCode: 1, meaning: 'a release cannot be put right with what is here' },
  AUDIT_BROKEN: { exitCode: 3, meaning: 'the event chain was changed, cut or reordered' },
  SYSLOG_FAILED: { exitCode: 1, meaning: 'the head of the audit trail could not be sent to syslog' },

  // Isolation: exit 5
  SANDBOX_UNAVAILABLE: { exitCode: 5, meaning: 'this host cannot build a required layer of the sandbox' },
  ENGINE_UNAVAILABLE: { exitCode: 5, meaning: 'the engine asked for is not on this host, or cannot work on it' },
  LAUNCHER_MISSING: { exitCode: 5, meaning: 'the launcher binary is not there for this machine' },
  NETWORK_UNAVAILABLE: {
    exitCode: 5,
    meaning: 'the manifest asks for the network, and the engine that is to build the sandbox has no relay',
  },
  INTERPRETER_MISSING: { exitCode: 5, meaning: 'the interpreter the plugin needs is not on this host' },
  PLATFORM_UNSUPPORTED: { exitCode: 5, meaning: 'the plugin is not made for this machine' },
  ENGINE_UNSUPPORTED: {
    exitCode: 5,
    meaning: 'the plugin needs another version of Bulkhead or of an interpreter than this host has',
  },
  DATA_QUOTA_UNAVAILABLE: { exitCode: 5, meaning: 'the kernel can enforce no quota on /data here' },
  DATA_SHRINK_REFUSED: { exitCode: 4, meaning: 'the kept /data is larger than the limit it is now given' },
  READ_REFUSED: { exitCode: 5, meaning: 'a path of permissions.read cannot be shown to a plugin on this host' },
  LAUNCH_FAILED: { exitCode: 5, meaning: 'the launcher failed before the plugin ran' },
  PRELOAD_FAILED: { exitCode: 5, meaning: 'the preloaded parent of a run does not answer, or is gone' },
  LIMIT_TOO_SMALL: { exitCode: 5, meaning: "the effective limit is below what the plugin's runtime needs to start" },
  ENTRY_NOT_FOUND: { exitCode: 4, meaning: 'the entry program is not in the sandbox' },
  ENTRY_NOT_EXECUTABLE: { exitCode: 4, meaning: 'the entry program cannot be executed' },

  // Calls of a loaded plugin: exit 1
  CALL_FAILED: {
    exitCode: 1,
    meaning: 'the plugin answered a call with an error; its code and data, or its gRPC status, are in the details',
  },
  CALL_CANCELLED: { exitCode: 1, meaning: 'whoever made a call does not wait for its answer any more' },
  CALL_TIMEOUT: { exitCode: 1, meaning: 'the plugin did not answer a call in time' },
  START_TIMEOUT: { exitCode: 1, meaning: 'the plugin was started and did not answer in time' },
  PLUGIN_ENDED: { exitCode: 1, meaning: 'the plugin ended before it answered; how it did is in the details' },
  PLUGIN_LIMITED: { exitCode: 1, meaning: 'a limit ended the plugin before it answered; which is in the details' },
  PLUGIN_CLOSED: { exitCode: 4, meaning: 'the plugin was closed by its host' },
  PLUGIN_BUSY: { exitCode: 1, meaning: 'more calls, or more bytes of them, wait for the plugin than may' },
  MESSAGE_INVALID: {
    exitCode: 1,
    meaning: 'the plugin sent what is no message of its protocol, or an answer nobody waits for',
  },
  MESSAGE_TOO_LARGE: { exitCode: 1, meaning: 'a message is larger than it may be' },
  RATE_LIMITED: { exitCode: 1, meaning: 'more calls were made than the rate of this plugin allows' },
  CIRCUIT_OPEN: { exitCode: 1, meaning: 'the plugin has ended too often, and is not started for a while' },
  WRONG_PROTOCOL: { exitCode: 4, meaning: 'the plugin speaks another protocol than the one it is to be used by' },
  VERSION_OUT_OF_RANGE: { exitCode: 4, meaning: 'the installed version is not in the range that was asked for' },
  SETTING_INVALID: {
    exitCode: 2,
    meaning: 'a setting of a plugin is missing, unknown, or not what its manifest takes',
  },
  // Plugins of protocol grpc: exit 1, 3 or 5
  GRPC_HANDSHAKE_INVALID: { exitCode: 1, meaning: 'what a plugin said first is no handshake of go-plugin' },
  GRPC_VERSION_UNSUPPORTED: { exitCode: 1, meaning: 'a plugin speaks no version of the protocol that was offered' },
  GRPC_PROTOCOL_UNSUPPORTED: { exitCode: 1, meaning: 'a plugin listens in a way in which it cannot be spoken with' },
  GRPC_ADDRESS_REFUSED: { exitCode: 3, meaning: "a plugin's address is no socket in its own /tmp" },
  GRPC_MTLS_REFUSED: { exitCode: 3, meaning: 'mutual TLS was asked for, and a plugin did not prove who it is' },
  GRPC_SOCKET_UNAVAILABLE: { exitCode: 5, meaning: "a plugin's sockets cannot be reached or made on this host" },
  GRPC_BROKER_FAILED: { exitCode: 1, meaning: 'a further connection with a plugin did not come about' },

  INTERRUPTED: { exitCode: 130, meaning: 'somebody interrupted it; what it had begun was undone' },
  INTERNAL: { exitCode: 70, meaning: 'a bug in Bulkhead' },
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof ERROR_CODES

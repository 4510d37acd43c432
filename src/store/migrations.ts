/**
 * The schema, as an append-only list: entry n takes a database from `user_version` n to n + 1. Never edit one that was
 * released. The states repeated in CHECK are those of core/installation.ts; a test holds the two lists equal.
 */
export const MIGRATIONS: readonly string[] = [
  `
  -- A plugin this host has ever installed. The row outlives \`remove --purge\`: without its high-water mark, removing and
  -- installing again would be a way round the downgrade check.
  CREATE TABLE plugins (
    id            INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE,
    uid           INTEGER UNIQUE CHECK (uid > 0),
    high_water    TEXT,
    first_seen_ms INTEGER NOT NULL
  ) STRICT;

  -- Every release that was ever verified here, with the bytes first seen under its version.
  CREATE TABLE releases (
    id              INTEGER PRIMARY KEY,
    plugin_id       INTEGER NOT NULL REFERENCES plugins (id) ON DELETE RESTRICT,
    version         TEXT    NOT NULL,
    sha256          TEXT    NOT NULL CHECK (length(sha256) = 64),
    manifest_sha256 TEXT    NOT NULL CHECK (length(manifest_sha256) = 64),
    signers         TEXT    NOT NULL CHECK (json_valid(signers)),
    policy_digest   TEXT    NOT NULL,
    verified_at_ms  INTEGER NOT NULL,
    UNIQUE (plugin_id, version)
  ) STRICT;

  CREATE TABLE installations (
    id              INTEGER PRIMARY KEY,
    plugin_id       INTEGER NOT NULL REFERENCES plugins (id) ON DELETE RESTRICT,
    release_id      INTEGER NOT NULL REFERENCES releases (id) ON DELETE RESTRICT,
    state           TEXT    NOT NULL
      CHECK (state IN ('installing', 'installed', 'disabled', 'quarantined', 'removing')),
    consent         TEXT    NOT NULL CHECK (json_valid(consent)),
    seal            BLOB,
    holder          TEXT    NOT NULL,
    installed_at_ms INTEGER NOT NULL,
    changed_at_ms   INTEGER NOT NULL
  ) STRICT;

  -- One settled installation and one in the making: two installs of one plugin cannot both begin.
  CREATE UNIQUE INDEX installations_settled ON installations (plugin_id)
    WHERE state IN ('installed', 'disabled', 'quarantined');
  CREATE UNIQUE INDEX installations_beginning ON installations (plugin_id) WHERE state = 'installing';
  -- Start-up asks on every command what was interrupted.
  CREATE INDEX installations_pending ON installations (state) WHERE state IN ('installing', 'removing');
  CREATE INDEX installations_by_release ON installations (release_id);

  CREATE TABLE runs (
    id            TEXT    PRIMARY KEY,
    plugin_id     INTEGER NOT NULL REFERENCES plugins (id) ON DELETE CASCADE,
    version       TEXT    NOT NULL,
    profile       TEXT    NOT NULL,
    weaker        TEXT    NOT NULL CHECK (json_valid(weaker)),
    holder        TEXT    NOT NULL,
    started_at_ms INTEGER NOT NULL,
    ended_at_ms   INTEGER,
    outcome       TEXT    CHECK (outcome IS NULL OR json_valid(outcome)),
    CHECK ((ended_at_ms IS NULL) = (outcome IS NULL))
  ) STRICT;

  CREATE INDEX runs_by_plugin ON runs (plugin_id, started_at_ms DESC);
  CREATE INDEX runs_open ON runs (id) WHERE ended_at_ms IS NULL;

  CREATE TABLE events (
    id       INTEGER PRIMARY KEY,
    at_ms    INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    subject  TEXT    NOT NULL,
    details  TEXT    NOT NULL CHECK (json_valid(details)),
    previous TEXT    NOT NULL CHECK (length(previous) = 64),
    hash     TEXT    NOT NULL UNIQUE CHECK (length(hash) = 64)
  ) STRICT;

  CREATE INDEX events_by_subject ON events (subject, id);
  CREATE TRIGGER events_append_only_update BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
  CREATE TRIGGER events_append_only_delete BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
  `,
  `
  -- A removal that also takes the plugin's data and user id: kept in the row, or a crash would leave both behind for ever.
  ALTER TABLE installations ADD COLUMN purging INTEGER NOT NULL DEFAULT 0 CHECK (purging IN (0, 1));
  `,
  `
  -- Whoever watches a run or stops it from another process: the launcher itself, which is not the holder where a host
  -- application started it (NULL: not started yet), and where the run is to be found.
  ALTER TABLE runs ADD COLUMN supervisor TEXT;
  ALTER TABLE runs ADD COLUMN place TEXT CHECK (place IS NULL OR json_valid(place));

  -- What a run used, minute by minute; of short runs there are none.
  CREATE TABLE minutes (
    run_id  TEXT    NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    at_ms   INTEGER NOT NULL,
    figures TEXT    NOT NULL CHECK (json_valid(figures)),
    PRIMARY KEY (run_id, at_ms)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Of all minutes the newest are kept.
  CREATE INDEX minutes_by_time ON minutes (at_ms);
  `,
  `
  -- sha256 of files.json beside the release: the list of files as it was recorded at install, where no signature covers one.
  ALTER TABLE releases ADD COLUMN files_sha256 TEXT CHECK (files_sha256 IS NULL OR length(files_sha256) = 64);
  -- Let in by name without a signature, and until when.
  ALTER TABLE installations ADD COLUMN unsigned_until_ms INTEGER;
  `,
  `
  -- What verdicts rested on, byte for byte: policies and trusted roots, each once however many verdicts name it.
  CREATE TABLE documents (
    sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),
    bytes  BLOB NOT NULL
  ) STRICT;

  -- Of each release that is here: the verdict that let it in, and the latest one. A verdict without a policy was made
  -- while trust.json could not be read.
  CREATE TABLE verifications (
    id            INTEGER PRIMARY KEY,
    release_id    INTEGER NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
    occasion      TEXT    NOT NULL CHECK (occasion IN ('install', 'latest')),
    at_ms         INTEGER NOT NULL,
    bulkhead      TEXT    NOT NULL,
    verdict       TEXT    NOT NULL,
    signers       TEXT    NOT NULL CHECK (json_valid(signers)),
    countersigners TEXT   NOT NULL CHECK (json_valid(countersigners)),
    checks        TEXT    NOT NULL CHECK (json_valid(checks)),
    bundle_sha256 TEXT    CHECK (length(bundle_sha256) = 64),
    policy_sha256 TEXT    REFERENCES documents (sha256) ON DELETE RESTRICT,
    UNIQUE (release_id, occasion)
  ) STRICT;

  CREATE TABLE verification_roots (
    verification_id INTEGER NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
    name            TEXT    NOT NULL,
    sha256          TEXT    NOT NULL REFERENCES documents (sha256) ON DELETE RESTRICT,
    PRIMARY KEY (verification_id, name)
  ) STRICT, WITHOUT ROWID;

  -- Which documents are still named.
  CREATE INDEX verifications_by_policy ON verifications (policy_sha256);
  CREATE INDEX verification_roots_by_document ON verification_roots (sha256);

  -- The latest moment this host's own clock has shown. A database from before knows when it last verified something.
  CREATE TABLE clock (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    seen_ms INTEGER NOT NULL
  ) STRICT;
  INSERT INTO clock (id, seen_ms) SELECT 1, max(verified_at_ms) FROM releases HAVING count(*) > 0;
  `,
  `
  -- Several versions of a plugin side by side: one settled, others kept to go back to.
  CREATE TABLE installations_next (
    id              INTEGER PRIMARY KEY,
    plugin_id       INTEGER NOT NULL REFERENCES plugins (id) ON DELETE RESTRICT,
    release_id      INTEGER NOT NULL REFERENCES releases (id) ON DELETE RESTRICT,
    state           TEXT    NOT NULL
      CHECK (state IN ('installing', 'installed', 'disabled', 'quarantined', 'kept', 'removing')),
    consent         TEXT    NOT NULL CHECK (json_valid(consent)),
    seal            BLOB,
    holder          TEXT    NOT NULL,
    installed_at_ms INTEGER NOT NULL,
    changed_at_ms   INTEGER NOT NULL,
    purging         INTEGER NOT NULL DEFAULT 0 CHECK (purging IN (0, 1)),
    unsigned_until_ms INTEGER,
    -- The registry it came from; NULL: a file.
    source          TEXT,
    -- The range of versions that was asked for; NULL: whichever was the newest, or what another plugin needed.
    asked           TEXT,
    -- Other plugins that it needs, as its manifest says.
    requires        TEXT    NOT NULL DEFAULT '{}' CHECK (json_valid(requires)),
    -- The plugin's user id was given for this installation: one that is undone gives it back.
    gave_uid        INTEGER NOT NULL DEFAULT 0 CHECK (gave_uid IN (0, 1))
  ) STRICT;
  INSERT INTO installations_next
    (id, plugin_id, release_id, state, consent, seal, holder, installed_at_ms, changed_at_ms, purging, unsigned_until_ms)
    SELECT id, plugin_id, release_id, state, consent, seal, holder, installed_at_ms, changed_at_ms, purging, unsigned_until_ms
    FROM installations;
  -- Of one in the making: it was, unless the plugin has been installed since it last gave one back. The trail knows.
  UPDATE installations_next SET gave_uid = 1
    WHERE state = 'installing' AND NOT EXISTS (
      SELECT 1 FROM plugins p JOIN events e ON e.subject = p.name
      WHERE p.id = installations_next.plugin_id AND e.kind = 'installed' AND e.details ->> 'sha256' IS NOT NULL
        AND e.id > (SELECT coalesce(max(given.id), 0) FROM events given WHERE given.subject = p.name AND given.kind = 'purged'));
  DROP TABLE installations;
  ALTER TABLE installations_next RENAME TO installations;
  CREATE UNIQUE INDEX installations_settled ON installations (plugin_id)
    WHERE state IN ('installed', 'disabled', 'quarantined');
  CREATE UNIQUE INDEX installations_beginning ON installations (plugin_id) WHERE state = 'installing';
  CREATE INDEX installations_pending ON installations (state) WHERE state IN ('installing', 'removing');
  -- A release is here once.
  CREATE UNIQUE INDEX installations_by_release ON installations (release_id);
  CREATE INDEX installations_kept ON installations (plugin_id) WHERE state = 'kept';

  -- When it was first installed; NULL: never, and the row goes with the attempt.
  ALTER TABLE releases ADD COLUMN installed_at_ms INTEGER;
  UPDATE releases SET installed_at_ms = verified_at_ms
    WHERE id NOT IN (SELECT release_id FROM installations WHERE state = 'installing')
      OR EXISTS (
        SELECT 1 FROM plugins p JOIN events e ON e.subject = p.name
        WHERE p.id = releases.plugin_id AND e.kind = 'installed' AND e.details ->> 'sha256' = releases.sha256);
  -- When it was last gone back from: nobody is updated to it again unasked.
  ALTER TABLE releases ADD COLUMN left_at_ms INTEGER;

  -- The hook that a run was of; NULL: of the entry.
  ALTER TABLE runs ADD COLUMN hook TEXT CHECK (hook IN ('postinstall', 'preremove', 'migrate-data', 'health'));

  -- A change of a plugin that goes on: one at a time. Until the transaction that makes it true its steps say how it is undone;
  -- that transaction takes them away, and the row, unless there is something to clear up after it.
  CREATE TABLE changes (
    id            INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE,
    kind          TEXT    NOT NULL,
    holder        TEXT    NOT NULL,
    -- It has come true; what steps are left only clear away.
    committed     INTEGER NOT NULL DEFAULT 0 CHECK (committed IN (0, 1)),
    -- Nothing of the plugin may start meanwhile: its /data is being worked on.
    quiet         INTEGER NOT NULL DEFAULT 0 CHECK (quiet IN (0, 1)),
    started_at_ms INTEGER NOT NULL
  ) STRICT;

  -- Its steps, each written down with its undo before it is taken.
  CREATE TABLE steps (
    change_id INTEGER NOT NULL REFERENCES changes (id) ON DELETE CASCADE,
    position  INTEGER NOT NULL,
    step      TEXT    NOT NULL,
    undo      TEXT    NOT NULL CHECK (json_valid(undo)),
    PRIMARY KEY (change_id, position)
  ) STRICT, WITHOUT ROWID;

  -- A plugin's /data as it was when a release gave way to another.
  CREATE TABLE snapshots (
    id          INTEGER PRIMARY KEY,
    plugin_id   INTEGER NOT NULL REFERENCES plugins (id) ON DELETE RESTRICT,
    release_id  INTEGER NOT NULL REFERENCES releases (id) ON DELETE RESTRICT,
    folder      TEXT    NOT NULL UNIQUE,
    bytes       INTEGER NOT NULL,
    taken_at_ms INTEGER NOT NULL,
    UNIQUE (plugin_id, release_id)
  ) STRICT;

  -- Kept at the version it is at, until a moment or for ever.
  CREATE TABLE holds (
    plugin_id  INTEGER PRIMARY KEY REFERENCES plugins (id) ON DELETE CASCADE,
    until_ms   INTEGER,
    reason     TEXT,
    held_by    TEXT    NOT NULL,
    held_at_ms INTEGER NOT NULL
  ) STRICT;

  -- Who agreed to what, and how; the latest of a plugin is what an update is compared with.
  CREATE TABLE approvals (
    id        INTEGER PRIMARY KEY,
    plugin_id INTEGER NOT NULL REFERENCES plugins (id) ON DELETE CASCADE,
    version   TEXT    NOT NULL,
    sha256    TEXT    NOT NULL CHECK (length(sha256) = 64),
    given_by  TEXT    NOT NULL,
    way       TEXT    NOT NULL,
    grants    TEXT    NOT NULL CHECK (json_valid(grants)),
    at_ms     INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX approvals_by_plugin ON approvals (plugin_id, id);

  -- An update that asks for more than was agreed to, until somebody agrees.
  CREATE TABLE waiting (
    plugin_id INTEGER PRIMARY KEY REFERENCES plugins (id) ON DELETE CASCADE,
    version   TEXT    NOT NULL,
    sha256    TEXT    NOT NULL CHECK (length(sha256) = 64),
    source    TEXT,
    widening  TEXT    NOT NULL CHECK (json_valid(widening)),
    since_ms  INTEGER NOT NULL
  ) STRICT;
  `,
]

import type { Section } from '../manual/page.ts'

export const updates: readonly Section[] = [
  {
    title: 'An update',
    parts: [
      'The new version is made ready beside the old one, tried if its manifest has a health check, and switched to at once. Whatever goes wrong, the old one stays as it was. What runs goes on with the version it was started with.',
      {
        examples: [
          ['plugins outdated', 'what there is'],
          ['plugins update --all', 'what asks for nothing new'],
          ['plugins update acme/hello', 'what asks for more: it is shown, and asked about'],
        ],
      },
    ],
  },
  {
    title: 'What waits',
    parts: [
      'Permissions that nobody agreed to, another publisher, or a lost proof of origin: such an update is not applied until somebody agrees, and the old version runs on. plugins approvals shows what waits, and who agreed to what.',
      'config.json may ask for an age of each release ("updates": {"minimumAge": "3d"}). A security update may not wait: plugins update NAME --security-update REASON, which is recorded.',
      'What is held stays at its version: plugins hold NAME, until plugins unhold NAME or a date.',
    ],
  },
  {
    title: 'Going back',
    parts: [
      'Versions before it are kept ("keepVersions" in config.json), each with the data of its time.',
      {
        examples: [
          ['plugins rollback acme/hello', 'the version before, with its data'],
          ['plugins rollback acme/hello --keep-data', 'the version before, with the data of now'],
        ],
      },
    ],
  },
]

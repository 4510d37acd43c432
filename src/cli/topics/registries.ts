import type { Section } from '../manual/page.ts'

export const registries: readonly Section[] = [
  {
    title: 'Where releases come from',
    parts: [
      'A registry is a folder, or a web server that hands out the files of one. It is trusted with nothing: it can hide a release or be down, and that is all. What it hands out is verified like a tarball from anywhere.',
      'The first registry of config.json whose patterns match a name serves it, and no other is asked: so nobody can offer a plugin of yours under the same name elsewhere.',
      {
        examples: [
          ['plugins registry add main https://plugins.example.com', 'for every name'],
          ["plugins registry add acme /srv/plugins --namespaces 'acme/*' --first", 'before it, for names of acme'],
          ['plugins search hello', 'what they have'],
        ],
      },
    ],
  },
  {
    title: 'Making one',
    parts: [
      'Put signed tarballs with their bundles into a folder, make the index, and copy the folder to any web server.',
      {
        examples: [
          ['plugins registry build /srv/plugins', 'after each new release'],
          ["plugins registry yank /srv/plugins acme/hello@1.0.1 --reason 'loses data'", 'nobody should choose it now'],
        ],
      },
      'A yanked release is chosen by its exact version alone. It is no revocation: that is each host’s own, with plugins trust revoke.',
    ],
  },
]

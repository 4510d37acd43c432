/**
 * `/etc` of every plugin: what a program asks about users, hosts and services, answered without the host's own files.
 * The name server is the relay, where a run has one; elsewhere nobody answers at that address.
 */
export const ETC_FILES: Readonly<Record<string, string>> = {
  group: 'plugin:x:1000:\n',
  hosts: '127.0.0.1 localhost\n::1 localhost\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
  passwd: 'plugin:x:1000:1000:plugin:/tmp:/nonexistent\n',
  'resolv.conf': 'nameserver 127.0.0.1\n',
}

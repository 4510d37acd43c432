// What each npm script needs of the machine, and the commands it is made of.
export const BUILD = [
  { file: '/usr/bin/cc', debian: 'gcc' },
  { file: '/usr/bin/make', debian: 'make' },
  { file: '/usr/include/stdio.h', debian: 'libc6-dev' },
]
const SANDBOX = [
  { file: '/usr/bin/python3', debian: 'python3' },
  // The standard library: a minimal Python has none.
  { file: '/usr/bin/pydoc3', debian: 'python3' },
  { file: '/usr/sbin/mkfs.ext4', debian: 'e2fsprogs' },
  { file: '/usr/bin/mount', debian: 'mount' },
]
const TEST = [
  { file: '/usr/bin/newuidmap', debian: 'uidmap' },
  { file: '/usr/sbin/runc', debian: 'runc' },
]
/** Plugins of protocol grpc as others write them: with go-plugin itself, and with Python's gRPC. */
const GRPC = [
  { file: '/usr/bin/go', debian: 'golang-go' },
  {
    file: '/usr/share/gocode/src/github.com/hashicorp/go-plugin/server.go',
    debian: 'golang-github-hashicorp-go-plugin-dev',
  },
  { file: '/usr/share/gocode/src/google.golang.org/grpc/server.go', debian: 'golang-google-grpc-dev' },
  { file: '/usr/lib/python3/dist-packages/grpc/__init__.py', debian: 'python3-grpcio' },
]
const BENCH = [
  { file: '/usr/bin/bwrap', debian: 'bubblewrap' },
  { file: '/usr/bin/hyperfine', debian: 'hyperfine' },
]

const test = ['node', 'scripts/test.mjs']

export const TASKS = {
  build: { needs: BUILD, steps: [] },
  demo: { needs: [...BUILD, ...SANDBOX], steps: [['node', 'scripts/demo.mjs']] },
  example: { needs: [...BUILD, ...SANDBOX], steps: [['node', 'examples/http-host/start.mjs']] },
  test: { needs: [...BUILD, ...SANDBOX, ...TEST, ...GRPC], steps: [test] },
  attacks: { needs: [...BUILD, ...SANDBOX, ...TEST], steps: [['node', 'scripts/attacks.mjs']] },
  crash: { needs: [...BUILD, ...SANDBOX], steps: [['node', 'test/crash/run.ts']] },
  fuzz: { needs: BUILD, steps: [['node', 'test/fuzz/run.ts']] },
  hammer: { needs: BUILD, steps: [['node', 'test/manager/lifecycle/hammer/run.ts']] },
  bench: { needs: [...BUILD, ...SANDBOX, ...BENCH], steps: [['node', 'bench/run.ts']] },
  check: {
    needs: [...BUILD, ...SANDBOX, ...TEST, ...GRPC],
    steps: [['biome', 'ci', '.'], ['tsc', '-p', 'tsconfig.json'], ['tsc', '-p', 'examples/http-host'], test],
  },
}

// Plugins of protocol grpc, installed in a home of one test.

import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Client, ServiceError } from '@grpc/grpc-js'
import { type DialledServer, type GoPlugin, type LoadGoPluginOptions, loadGoPlugin } from '../../src/grpc.ts'
import { makeCertificate } from '../../src/runtime/go-plugin/certificate.ts'
import { cannotCompileGo, compileGo } from '../helpers/compile.ts'
import { HELLO, type Household, household, manifestOf } from '../manager/household.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { type Command, PING_PONG, PingPongClient, TestClient } from './test-service.ts'

export const COOKIE = { key: 'BASIC_PLUGIN', value: 'hello' }

/** Why plugins of go-plugin itself cannot be tried here. */
export const withoutGo =
  cannotLaunch ||
  cannotCompileGo(
    ['github.com/hashicorp/go-plugin', 'golang-github-hashicorp-go-plugin-dev'],
    ['google.golang.org/grpc', 'golang-google-grpc-dev'],
  )

export interface GrpcHouse extends Household {
  load(options?: Partial<LoadGoPluginOptions>): Promise<GoPlugin>
}

type Files = Readonly<Record<string, string | Buffer>>

/** A home in which `acme/hello` is a plugin of protocol grpc. */
export async function grpcHouse(t: TestContext, manifest: object, files: Files): Promise<GrpcHouse> {
  const house = await household(t)
  const whole = manifestOf({ protocol: 'grpc', limits: { memory: '256M', processes: 64, files: 256 }, ...manifest })
  await house.install({ files: { 'plugin.json': whole, ...files }, executable: Object.keys(files) })
  const load = (options: Partial<LoadGoPluginOptions> = {}) =>
    loadGoPlugin(house.manager, HELLO, { cookie: COOKIE, protocolVersions: [3], ...options })
  return Object.assign(house, { load })
}

/** Its path. */
export const goProgram = (): string => compileGo(readFileSync(join(import.meta.dirname, 'go/main.go'), 'utf8'))

/** The program of `test/grpc/go`, by go-plugin itself. */
export function goHouse(t: TestContext, manifest: object = {}): Promise<GrpcHouse> {
  const program = goProgram()
  return grpcHouse(t, { entry: { runtime: 'exec', path: 'bin/x' }, ...manifest }, { 'bin/x': readFileSync(program) })
}

const PYTHON_GRPC = '/usr/lib/python3/dist-packages/grpc'

/** Why a plugin on Python's gRPC cannot be tried here. */
export const withoutPython =
  cannotLaunch || (existsSync(PYTHON_GRPC) ? false : 'no gRPC for Python: apt-get install python3-grpcio')

/** The plugin of `test/grpc/python`, with Python's gRPC in its package; with a certificate of its own for mutual TLS. */
export function pythonHouse(t: TestContext, manifest: object = {}): Promise<GrpcHouse> {
  const [own, other] = [makeCertificate(Date.now()), makeCertificate(Date.now())]
  const files: Record<string, Buffer> = {
    'server.py': readFileSync(join(import.meta.dirname, 'python/server.py')),
    'own.pem': own.certificate,
    'own.key': own.key,
    'other.pem': other.certificate,
    'other.key': other.key,
  }
  for (const path of globSync('**/*.{py,so}', { cwd: PYTHON_GRPC }))
    files[`grpc/${path}`] = readFileSync(join(PYTHON_GRPC, path))
  const [extension = ''] = globSync('_cython/cygrpc*.so', { cwd: PYTHON_GRPC })
  const needed = execFileSync('/usr/bin/ldd', [join(PYTHON_GRPC, extension)], { encoding: 'utf8' })
  for (const [, name = '', path = ''] of needed.matchAll(/(\S+) => (\/\S+)/g)) {
    if (!/^lib[cm]\.so/.test(name)) files[`lib/${name}`] = readFileSync(path)
  }
  const limits = { memory: '512M', processes: 64, files: 256 }
  return grpcHouse(t, { entry: { runtime: 'python', path: 'server.py' }, limits, ...manifest }, files)
}

/** `call(kv, 'Double', 21)`: one call of the test's service. */
export function call<T = number>(plugin: GoPlugin, method: string, request: number | Command): Promise<T> {
  return plugin.call<T>((done) => invoke(plugin.client(TestClient), method, request, done))
}

export function invoke(client: Client, method: string, request: unknown, done: Done<never>): unknown {
  const unary = Reflect.get(client, method) as (request: unknown, done: Done<never>) => unknown
  return unary.call(client, request, done)
}

/** The host serves `PingPong` with these words, tells the plugin, and dials the server that the plugin answers with. */
export async function exchange(plugin: GoPlugin, words: string): Promise<DialledServer> {
  const id = plugin.broker.nextId()
  await plugin.broker.accept(id, (server) =>
    server.addService(PING_PONG, { Ping: (_request: unknown, done: Done<string>) => done(null, words) }),
  )
  return plugin.broker.dial(await call(plugin, 'Bidirectional', id))
}

export function ping(plugin: GoPlugin, server: DialledServer): Promise<string> {
  return plugin.call<string>((done) => invoke(server.client(PingPongClient), 'Ping', {}, done as Done<never>))
}

type Done<T> = (error: ServiceError | null, response?: T) => void

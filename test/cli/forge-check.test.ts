import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ForgeKind, forgeKinds } from '../../src/forge/forge.ts'
import type { ForgeConfig } from '../../src/config/types.ts'
import { proveForge } from '../../src/cli/setup/forge-check.ts'
import { type ForgeServer, forgeRepo, forgeToken, startForge } from '../support/forge-server.ts'

/** What `doctor` says of the token, before a status needs it. */

let dir: string
let servers: ForgeServer[]
beforeEach(async () => {
  servers = []
  dir = await mkdtemp(join(tmpdir(), 'adversary-forge-'))
})
afterEach(async () => {
  await Promise.all(servers.map(server => server.close()))
  await rm(dir, { recursive: true, force: true })
})

async function prove(
  kind: ForgeKind,
  options: {
    readonly access?: 'read' | 'write'
    readonly token?: string
    readonly config?: Partial<ForgeConfig>
  } = {}
) {
  const server = await startForge(kind, { access: options.access ?? 'write' })
  servers.push(server)
  const token = { key: 'forge.token', file: null, env: 'TOKEN' }
  const config = { kind, url: server.url, repo: forgeRepo, token, ca: null, ...options.config }
  return proveForge(config, { TOKEN: options.token ?? forgeToken }, new AbortController().signal)
}

describe.each(forgeKinds)('%s', kind => {
  it('shows whether the account may write', async () => {
    expect(await prove(kind)).toMatchObject({
      ok: true,
      saw: expect.stringContaining('may write to ops/infra')
    })
    const reader = await prove(kind, { access: 'read' })
    expect(reader).toMatchObject({ ok: false, saw: expect.stringContaining('may only read') })
    expect(reader.mend).toMatch(/write|api/)
  })

  it('a token that it does not know is missing, and never shown', async () => {
    const proof = await prove(kind, { token: 'another-token' })
    expect(proof).toMatchObject({ ok: false, saw: expect.stringMatching(/HTTP 401/) })
    expect(JSON.stringify(proof)).not.toContain('another-token')
  })
})

it('says what is wrong with the place: another repo, another kind, nobody there, a file open to others', async () => {
  expect(await prove('gitea', { config: { repo: 'ops/other' } })).toMatchObject({
    ok: false,
    saw: expect.stringMatching(/HTTP 404/)
  })
  expect(await prove('gitea', { config: { kind: 'github' } })).toMatchObject({ ok: false })
  expect(await prove('gitea', { config: { url: 'http://127.0.0.1:9' } })).toMatchObject({
    ok: false,
    saw: expect.stringMatching(/ECONNREFUSED|refused/)
  })
  const file = join(dir, 'token')
  await writeFile(file, forgeToken, { mode: 0o644 })
  const open = await prove('gitea', { config: { token: { key: 'forge.token', file, env: 'TOKEN' } } })
  expect(open).toMatchObject({ ok: false, mend: `chmod 600 ${file}` })
  const none = await prove('gitea', { config: { token: { key: 'forge.token', file: null, env: 'NONE' } } })
  expect(none).toMatchObject({ ok: false, saw: 'the environment variable NONE is not set (forge.token)' })
})

import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeScene, type Scene } from '../support/scene.ts'
import { runCli } from '../support/cli.ts'

/** What is no text in a real repo is unknown with the reason, and is there all the same. */

let scene: Scene
beforeAll(async () => {
  scene = await makeScene()
  const { builder } = scene.repo
  const config = 'Port 22\nPermitRootLogin yes\n'
  await mkdir(join(builder.dir, 'etc'), { recursive: true })
  await symlink('utf8.conf', join(builder.dir, 'etc/link.conf'))
  await builder.git(['add', 'etc/link.conf'])
  await builder.git(['update-index', '--add', '--cacheinfo', `160000,${await builder.tip()},etc/module`])
  await writeFile(join(builder.dir, 'etc/huge.conf'), 'x\n'.repeat(3 * 1024 * 1024))
  await builder.git(['add', 'etc/huge.conf'])
  await builder.commit('core: files', {
    files: {
      'etc/utf8.conf': config,
      'etc/utf16.conf': Buffer.from(`\uFEFF${config}`, 'utf16le'),
      'etc/bare16.conf': Buffer.from(config, 'utf16le'),
      'etc/binary.conf': Buffer.from(`${config}\0`),
      'etc/crypt.conf': Buffer.from('\0GITCRYPT\0\x07\x08', 'latin1'),
      'etc/lfs.conf': 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 12\n',
      'etc/sops.yaml': 'login: ENC[AES256_GCM,data:p673w,iv:x,tag:y,type:str]\nsops:\n  version: 3.9.0\n'
    }
  })
  await builder.push()
  const check = (path: string, param: string) =>
    `      - { probe: repo-file, with: { path: etc/${path}, ${param} } }`
  await scene.plan(
    'p1',
    [
      'host: here',
      'milestones:',
      '  M1:',
      '    checks:',
      ...'utf8.conf utf16.conf bare16.conf binary.conf crypt.conf lfs.conf sops.yaml link.conf module huge.conf'
        .split(' ')
        .flatMap(path => [check(path, 'lacks: PermitRootLogin yes'), check(path, 'exists: true')]),
      'hunt: { probes: [] }',
      ''
    ].join('\n')
  )
  await scene.claim('p1-M1')
})
afterAll(() => scene.dispose())

it('is unknown where it is asked for its content', async () => {
  const { stdout } = await runCli(['review', 'p1-M1', '--dry-run', '--json', '--home', scene.home], {
    cwd: scene.home
  })
  const { checks } = JSON.parse(stdout) as {
    checks: readonly {
      outcome: string
      why: string | null
      findings: readonly { why?: string; saw?: string }[]
    }[]
  }
  const said = checks.map(
    ({ outcome, why, findings }) => `${outcome}: ${why ?? findings[0]?.why ?? findings[0]?.saw ?? ''}`
  )
  const patterns = [
    [/^fail: `PermitRootLogin yes`/, /^pass: .*exists, 2 lines/],
    [/^unknown: .*UTF-16$/, /^pass: /],
    [/^unknown: .*UTF-16 without/, /^pass: /],
    [/^unknown: .*binary \(a NUL byte/, /^pass: /],
    [/^unknown: .*git-crypt/, /^pass: /],
    [/^unknown: .*Git LFS/, /^pass: /],
    [/^unknown: .*sops/, /^pass: /],
    [/^unknown: .*link/, /^unknown: .*link/],
    [/^unknown: .*etc\/module is /, /^unknown: /],
    [/^unknown: .*more than the limit of 4194304/, /^pass: .*3145728 lines/]
  ].flat()
  expect(said).toHaveLength(patterns.length)
  for (const [index, pattern] of patterns.entries()) expect(said[index]).toMatch(pattern)
})

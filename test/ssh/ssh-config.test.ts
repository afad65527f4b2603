import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type HostAddress, HostUnseen } from '../../src/facts/session.ts'
import { fileBounds } from '../../src/lib/bounds.ts'
import { publicKeyOf } from '../../src/ssh/keys.ts'
import { parseDestination, resolveTarget } from '../../src/ssh/ssh-config.ts'

const folder = mkdtempSync(join(tmpdir(), 'adversary-config-'))
const configFile = join(folder, 'config')
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => vi.unstubAllEnvs())
beforeEach(() => writeFileSync(configFile, ''))

const address = (ssh: string, more: Partial<HostAddress> = {}): HostAddress => ({
  name: 'h',
  ssh,
  transport: 'ssh2',
  timeoutMs: 1_000,
  configFile,
  ...more
})
const resolved = (text: string, ssh = 'cc-ci', more: Partial<HostAddress> = {}) => {
  writeFileSync(configFile, text)
  return resolveTarget(address(ssh, more))
}

describe('a destination', () => {
  it.each([
    ['cc-ci', undefined, 'cc-ci', undefined],
    ['root@cc-ci', 'root', 'cc-ci', undefined],
    ['root@cc-ci:2222', 'root', 'cc-ci', 2222],
    ['ssh://root@cc-ci:2222', 'root', 'cc-ci', 2222],
    ['cc-ci:22', undefined, 'cc-ci', 22],
    ['192.0.2.1', undefined, '192.0.2.1', undefined],
    ['2001:db8::1', undefined, '2001:db8::1', undefined],
    ['[2001:db8::1]:2222', undefined, '2001:db8::1', 2222],
    ['root@[2001:db8::1]', 'root', '2001:db8::1', undefined]
  ])('%s', (text, user, host, port) => {
    expect(parseDestination(text)).toEqual({ user, host, port })
  })

  it.each([
    '',
    '-oProxyCommand=x',
    '-h@cc-ci',
    'a b',
    'cc-ci:',
    'cc-ci:0',
    'cc-ci:65536',
    '@cc-ci',
    'root@',
    'a\nb',
    'a\u0007'
  ])('refuses %j', text => {
    expect(() => parseDestination(text)).toThrow(expect.objectContaining({ kind: 'configuration' }))
  })
})

it('takes keys, configurations and known hosts up to their size, and nothing that is larger', async () => {
  const key = join(folder, 'sized')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  const line = readFileSync(`${key}.pub`, 'utf8').trim()
  const sized = (size: number) => writeFileSync(`${key}.pub`, `${line} `.padEnd(size, 'c'))
  rmSync(key)
  sized(fileBounds.key)
  expect(await publicKeyOf(key)).toBe(line.split(' ').slice(0, 2).join(' '))
  sized(fileBounds.key + 1)
  expect(await publicKeyOf(key)).toBeNull()

  const comments = (size: number) => '# a comment\n'.repeat(Math.floor(size / 12)).padEnd(size, '\n')
  expect(await resolved(comments(fileBounds.ssh), 'cc-ci', { timeoutMs: 60_000 })).toMatchObject({
    host: 'cc-ci'
  })
  await expect(resolved(comments(fileBounds.ssh + 1))).rejects.toThrow(/larger than 16777216 bytes/)
})

describe('what ~/.ssh/config says', () => {
  it('is taken as `ssh -G` takes it', async () => {
    const texts = [
      'Host cc-ci\n  HostName ci.example.test\n  User reader\n  Port 2222\n',
      'Host *.example.test !x.example.test\n  Port 1\nHost cc-*\n  Port 2\nHost *\n  Port 3\n  User all\n',
      'User first\nHost cc-ci\n  User second\n  hostname = 192.0.2.1\n',
      'HOST "cc-ci"\n  HOSTNAME "ci.example.test"\n  PORT=2200\n',
      'Host cc-ci\n  HostName %h.example.test\n  HostKeyAlias known\n',
      'Match host cc-ci\n  User matched\n',
      'Match originalhost cc-ci user nobody\n  Port 4\nHost cc-ci\n  User other\n',
      '# nothing\n\n',
      'Host cc-ci other # a comment\n  Port 5\n',
      'Match final host cc-ci\n  Port 6\n',
      'Match host never.example.test !exec "true"\n  Port 7\n',
      'Host cc-ci\n  HostName CI.Example.Test\n'
    ]
    for (const text of texts) {
      for (const ssh of ['cc-ci', 'x.example.test', 'y.example.test']) {
        const target = await resolved(text, ssh)
        const said = execFileSync('ssh', ['-F', configFile, '-G', ssh], { encoding: 'utf8' })
        const one = (key: string) => new RegExp(`^${key} (.*)$`, 'm').exec(said)?.[1]
        expect([text, target.host, String(target.port), target.user, target.hostKeyAlias]).toEqual([
          text,
          one('hostname'),
          one('port'),
          one('user'),
          one('hostkeyalias')
        ])
      }
    }
  })

  it('gives way to what the destination says', async () => {
    const target = await resolved('Host cc-ci\n  User a\n  Port 1\n', 'b@cc-ci:2')
    expect(target).toMatchObject({ user: 'b', port: 2 })
  })

  it('names keys, known_hosts and the agent', async () => {
    const target = await resolved(
      'Host cc-ci\n  IdentityFile ~/k1\n  IdentityFile "/a b/%r"\n  IdentitiesOnly yes\n  UserKnownHostsFile ~/k /l\n' +
        '  IdentityAgent none\n  User me\n'
    )
    expect(target.identityFiles).toEqual([join(homedir(), 'k1'), '/a b/me'])
    expect(target).toMatchObject({ identitiesOnly: true, agent: undefined })
    expect(target.knownHosts).toEqual([
      join(homedir(), 'k'),
      '/l',
      '/etc/ssh/ssh_known_hosts',
      '/etc/ssh/ssh_known_hosts2'
    ])
  })

  it('takes none for none, and an agent from the variable that is named', async () => {
    const none =
      'IdentityFile none\nUserKnownHostsFile none\nGlobalKnownHostsFile none\nIdentityAgent $A_SOCKET\n'
    vi.stubEnv('A_SOCKET', '/run/agent')
    expect(await resolved(none)).toMatchObject({ identityFiles: [], knownHosts: [], agent: '/run/agent' })
  })

  it('takes the keys that are named by themselves, of whatever kind', async () => {
    const named = await resolved('IdentityFile ~/.ssh/id_rsa\nIdentityFile ~/.ssh/id_ed25519_sk\n')
    expect(named.identityFiles.map(file => file.replace(homedir(), '~'))).toEqual([
      '~/.ssh/id_rsa',
      '~/.ssh/id_ed25519_sk'
    ])
  })

  it('goes by HOME, as long as it names no other files', async () => {
    const home = join(folder, 'home')
    mkdirSync(join(home, '.ssh'), { recursive: true })
    writeFileSync(join(home, '.ssh/config'), 'Host cc-ci\n  Port 77\n')
    vi.stubEnv('HOME', home)
    const { configFile: _, ...unnamed } = address('cc-ci')
    const target = await resolveTarget(unnamed)
    expect(target.port).toBe(77)
    expect(target.knownHosts.slice(0, 2)).toEqual([
      join(home, '.ssh/known_hosts'),
      join(home, '.ssh/known_hosts2')
    ])
    expect(target.identityFiles[0]).toBe(join(home, '.ssh/id_ed25519'))
    // Without a configuration, no process is needed.
    vi.stubEnv('HOME', join(folder, 'empty'))
    vi.stubEnv('PATH', folder)
    expect(await resolveTarget(unnamed)).toMatchObject({ host: 'cc-ci', port: 22 })
    await expect(resolved('Host a\n')).rejects.toMatchObject({
      kind: 'configuration',
      message: expect.stringContaining('not installed')
    })
  })

  it('has defaults', async () => {
    const target = await resolved('')
    expect(target).toMatchObject({
      host: 'cc-ci',
      port: 22,
      user: userInfo().username,
      identitiesOnly: false
    })
    expect(target.identityFiles.map(file => file.replace(homedir(), '~'))).toEqual([
      '~/.ssh/id_ed25519',
      '~/.ssh/id_ecdsa',
      '~/.ssh/id_rsa'
    ])
    expect(await resolved('', 'cc-ci', { identityFile: '/k', knownHosts: '/h' })).toMatchObject({
      identityFiles: ['/k'],
      identitiesOnly: true,
      knownHosts: ['/h']
    })
    expect(await resolveTarget(address('cc-ci', { configFile: null }))).toMatchObject({ host: 'cc-ci' })
  })

  it('follows an Include, at the top and within a section', async () => {
    writeFileSync(join(folder, 'inc.1'), 'Host cc-ci\n  Port 7\n')
    writeFileSync(join(folder, 'inc.2'), 'Host other\n  Port 8\n')
    expect(
      await resolved(`Include "${folder}/inc.*" /absent\nUser all\nHost cc-ci\n  Port 9\n`)
    ).toMatchObject({
      port: 7,
      user: 'all'
    })
    const within = `Host other\n  Include ${folder}/inc.*\nHost cc-ci\n  Include "${folder}/inc.[0-1]"\n`
    expect(await resolved(within)).toMatchObject({ port: 7 })
    expect(await resolved(within, 'other')).toMatchObject({ port: 8 })
    writeFileSync(join(folder, 'loop'), `Include ${folder}/loop\n`)
    await expect(resolved(`Include ${folder}/loop\n`)).rejects.toThrow(/too many recursive/i)
  })

  it.each([
    'Host *\n ProxyJump bastion\n',
    'ProxyCommand nc %h %p\n',
    'CertificateFile ~/c\n',
    'PKCS11Provider /lib/p.so\n',
    'KnownHostsCommand /bin/x\n',
    'RevokedHostKeys /etc/ssh/revoked\n',
    'CanonicalizeHostname yes\n',
    'CanonicalizeHostname always\n',
    'UserKnownHostsFile "/a b" /c\n',
    'NoSuchKeyword yes\n',
    'Host cc-ci\n  Port none\n',
    'Host cc-ci\n  HostName %k\n'
  ])('refuses what only ssh can do: %j', async text => {
    await expect(resolved(text)).rejects.toMatchObject({
      kind: 'configuration',
      message: expect.stringContaining('transport: openssh')
    })
  })

  it('is not refused for a jump that another host needs, or that is none', async () => {
    expect(await resolved('Host other\n  ProxyJump bastion\nHost cc-ci\n  ProxyJump none\n')).toMatchObject({
      host: 'cc-ci'
    })
  })

  it('runs nothing', async () => {
    const made = join(folder, 'made')
    // What it would answer is not known, so neither answer is taken.
    for (const not of ['', '!']) {
      await expect(resolved(`Match ${not}exec "touch ${made}"\n  Port 99\n`)).rejects.toMatchObject({
        kind: 'configuration',
        message: expect.stringMatching(/Match exec.*transport: openssh/)
      })
    }
    const elsewhere = `Match host other exec "touch ${made}"\n  Port 99\n`
    expect(await resolved(elsewhere)).toMatchObject({ port: 22 })
    const everything = ['ProxyCommand', 'KnownHostsCommand', 'LocalCommand', 'RemoteCommand']
    for (const keyword of everything) {
      await resolved(`PermitLocalCommand yes\n${keyword} /bin/sh -c 'touch ${made}'\n`).catch(() => undefined)
    }
    // Nor what stands in a destination, wherever a configuration uses it.
    const hostile = `Match exec "echo %n %h %r >${made}"\n  Port 99\nHost *\n  HostName %h\n`
    for (const ssh of [`$(touch\${IFS}${made})`, `a;touch\${IFS}${made}`, `\`touch\${IFS}${made}\`@h`]) {
      await resolved(hostile, ssh).catch(() => undefined)
    }
    expect(existsSync(made)).toBe(false)
  })

  it('must be readable where it is named', async () => {
    await expect(resolveTarget(address('h', { configFile: '/absent/config' }))).rejects.toMatchObject({
      kind: 'configuration',
      message: expect.stringContaining('/absent/config')
    })
  })

  it('is taken from an older ssh, which leaves tokens as they are', async () => {
    const older = join(folder, 'older')
    mkdirSync(older)
    const said = [
      'hostname ci.example.test',
      'userknownhostsfile ~/.ssh/known_hosts /known/%h',
      'identityagent ~/agent-%r',
      'identityfile ~/.ssh/k-%n',
      'user me'
    ]
    const program = `#!/bin/sh\n${said.map(line => `echo '${line}'\n`).join('')}`
    writeFileSync(join(older, 'ssh'), program, { mode: 0o700 })
    vi.stubEnv('PATH', older)
    expect(await resolved('')).toMatchObject({
      agent: join(homedir(), 'agent-me'),
      identityFiles: [join(homedir(), '.ssh/k-cc-ci')],
      knownHosts: [
        join(homedir(), '.ssh/known_hosts'),
        '/known/ci.example.test',
        '/etc/ssh/ssh_known_hosts',
        '/etc/ssh/ssh_known_hosts2'
      ]
    })
  })

  it('is waited for no longer than a login', async () => {
    const hanging = join(folder, 'hanging')
    mkdirSync(hanging)
    writeFileSync(join(hanging, 'ssh'), '#!/bin/sh\nexec /bin/sleep 600\n', { mode: 0o700 })
    vi.stubEnv('PATH', hanging)
    await expect(resolved('', 'cc-ci', { timeoutMs: 50 })).rejects.toMatchObject({ kind: 'configuration' })
    const why = new HostUnseen('timeout', 'no answer')
    writeFileSync(configFile, '')
    await expect(resolveTarget(address('cc-ci'), AbortSignal.abort(why))).rejects.toBe(why)
  })
})

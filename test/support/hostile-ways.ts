/**
 * The ways in which a host attacks whoever reads it. Each is made of programs for sh that stand before the real answers,
 * or of a login that is no reader at all. `$here` is the way's own folder, `$usual` one of programs that answer as a
 * host does.
 */
export interface Way {
  readonly name: string
  /** Programs by name, as scripts for sh. */
  readonly programs?: Readonly<Record<string, string>>
  /** Runs instead of what was asked for; `$SSH_ORIGINAL_COMMAND` is that. */
  readonly login?: string
  /** Files beside the programs, made when the way is set up. */
  readonly files?: Readonly<Record<string, () => string | Uint8Array>>
  /** Whether nothing that the host answers can be understood: then no check of it may pass. */
  readonly isMute?: true
}

const MB = 1_000_000

/** The programs that reads start, but for those that the reader needs itself. */
const asked = 'docker ip systemctl ss df stat sed ps journalctl nixos-version readlink printenv'.split(' ')

/** The same answer to every read. */
function all(name: string, answer: string, files: Way['files'] = {}): Way {
  return { name, programs: Object.fromEntries(asked.map(program => [program, answer])), files, isMute: true }
}

/** The same text to every read, however much of it is asked for. */
function printed(name: string, text: () => string | Uint8Array): Way {
  return all(name, 'exec /bin/cat $here/text', { text })
}

/** One program's answer where its first words are these; everything else as usual. */
function only(name: string, answers: Readonly<Record<string, string>>, files: Way['files'] = {}): Way {
  const programs = new Map<string, string[]>()
  for (const [words, answer] of Object.entries(answers)) {
    const [program = '', ...rest] = words.split(' ')
    const pattern = rest.length === 0 ? '*' : `*"${rest.join(' ')}"*`
    programs.set(program, [...(programs.get(program) ?? []), `${pattern}) ${answer};;`])
  }
  return {
    name,
    programs: Object.fromEntries(
      [...programs].map(([program, cases]) => [
        program,
        `case "$*" in\n${cases.join('\n')}\nesac\nexec $usual/${program} "$@"`
      ])
    ),
    files
  }
}

const cat = (file: string) => `exec /bin/cat $here/${file}`
const lines = (count: number, line: (n: number) => string) => () =>
  `${Array.from({ length: count }, (_, n) => line(n)).join('\n')}\n`
const address = (n: number) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`
const id = (n: number) => n.toString(36).padStart(25, 'a')

/** Every service is one whose start runs this program, which is this text. */
function program(name: string, text: () => string | Uint8Array): Way {
  return only(
    name,
    { 'systemctl cat': cat('unit'), 'sed --': cat('program'), 'head --': cat('program') },
    {
      unit: () =>
        '# /etc/systemd/system/swarm-init.service\n[Service]\nType=oneshot\nExecStart=/nix/store/aaaaaaaa-swarm-init/bin/start\n',
      program: text
    }
  )
}

/** A unit file of this text. */
function unit(name: string, text: () => string): Way {
  return only(
    name,
    { 'systemctl cat': cat('unit') },
    { unit: () => `# /etc/systemd/system/swarm-init.service\n[Service]\n${text()}\n` }
  )
}

/** What is asked of docker about things that it listed. */
function inspected(name: string, what: string, text: () => string | Uint8Array): Way {
  return only(name, { [`docker ${what} inspect`]: cat('text') }, { text })
}

/** A login that speaks for the reader: `$nonce` is what it would put around its answers. */
function spoken(name: string, script: string): Way {
  const frame = 'frame() { printf "%s %s %s %s\\n%s%s\\n" "$nonce" "$1" "$2" "$3" "$4" "$nonce"; }'
  const login = `nonce=\${SSH_ORIGINAL_COMMAND##* }\n${frame}\nframe h "$(date +%s%N)" 0\n${script}`
  return { name, login, isMute: true }
}

function units(count: number): Way {
  return only(
    `${count} units that have failed`,
    { 'systemctl cat': cat('cat'), 'systemctl show': cat('show') },
    {
      cat: lines(
        count,
        n =>
          `# /etc/systemd/system/u${n}.service\n[Service]\nExecStart=/nix/store/aaaaaaaa-u${n}/bin/start --wait ${n}\n`
      ),
      show: lines(count, n =>
        [
          `Id=u${n}.service`,
          `Names=u${n}.service`,
          'LoadState=loaded',
          'ActiveState=failed',
          'SubState=failed',
          'Result=exit-code',
          `FragmentPath=/etc/systemd/system/u${n}.service`,
          'DropInPaths=',
          'NeedDaemonReload=no',
          ''
        ].join('\n')
      )
    }
  )
}

const bomb = [
  '#!/usr/bin/env python3',
  'import subprocess',
  'a = "docker ps "',
  ...Array.from({ length: 26 }, () => 'a = a + a'),
  'subprocess.run(a, shell=True)',
  ''
].join('\n')

const everyWay: readonly Way[] = [
  // Amounts.
  all('lines without an end', 'exec /usr/bin/yes "## M1: PASS @2026-06-13T05:33Z"'),
  all('NUL bytes without an end', 'exec /bin/cat /dev/zero'),
  all('errors without an end', 'exec /usr/bin/yes error >&2'),
  printed('16 MB of what is no text', () => {
    let seed = 1
    return Uint8Array.from({ length: 16 * MB }, () => (seed = (seed * 48_271) % 2_147_483_647) & 255)
  }),
  printed('4 million emoji', () => '\u{1f600}'.repeat(4 * MB)),
  printed('5 million blank lines', () => '\n'.repeat(5 * MB)),
  printed('control characters and changes of direction', () =>
    '\u001b[2J\u0007\u202e\u2066\u009b31m\r\b\u2028\ufeff'.repeat(600_000)
  ),
  // JSON, and what looks like it.
  printed('16 MB of [', () => '['.repeat(16 * MB)),
  printed('8 million nested []', () => '['.repeat(8 * MB) + ']'.repeat(8 * MB)),
  printed('2 million nested objects', () => '{"a":'.repeat(2 * MB) + '1' + '}'.repeat(2 * MB)),
  printed('5 million empty lists', () => `[${'[],'.repeat(5 * MB)}[]]`),
  printed('8 million digits', () => `[${'1,'.repeat(8 * MB)}1]`),
  printed('a string of 15 MB', () => JSON.stringify(['a'.repeat(15 * MB)])),
  printed('a string of 2 million escapes', () => `["${'\\u0041'.repeat(2 * MB)}"]`),
  printed('a number of 9 million digits', () => `[{"a":${'9'.repeat(9 * MB)}}]`),
  printed('an object of a million keys', () => `{${lines(MB, n => `"k${n}":1,`)()}"z":1}`),
  printed('800,000 lines that begin like JSON', () => '["@"\n'.repeat(800_000)),
  printed('300,000 small documents', () => '{"ID":"aaaaaaaaaaaa","Name":"a"}\n'.repeat(300_000)),
  printed('keys of a prototype', () =>
    '{"__proto__":{"a":1},"constructor":{"prototype":{"a":1}}}\n'.repeat(50_000)
  ),
  // Secrets.
  printed('6 MB after sk-', () => `sk-${'a'.repeat(6 * MB)}`),
  printed(
    '200,000 different passwords',
    lines(200_000, n => `DB_PASSWORD=hunter${n}x${n * 7}`)
  ),
  printed('a key that never ends', () => `-----BEGIN PRIVATE KEY-----\n${'QUJD\n'.repeat(2 * MB)}`),
  // Time.
  all('a byte now and then', 'while :; do printf x; /bin/sleep 0.2; done'),
  all('no answer', 'exec /bin/sleep 1000'),
  all('a child that holds on', '/usr/bin/setsid /bin/sleep 100 & exit 0'),
  all('an end by a signal', 'kill -9 $$'),
  all('nothing at all', 'exit 0'),
  all('every exit code', 'exit $(( $(date +%N | tail -c 3) + 100 ))'),
  {
    name: 'a clock that jumps',
    programs: { date: 'echo $(( $(/bin/date +%s) + $(/bin/date +%N | tail -c 5) * 10000 ))000000000' }
  },
  { name: 'a clock of 30 digits', programs: { date: 'echo 999999999999999999999999999999' } },
  // Things that there are too many of.
  only(
    '45,000 routes',
    { 'ip -4 route': cat('routes'), 'ip -6 route': 'echo "[]"' },
    {
      routes: () =>
        JSON.stringify(
          Array.from({ length: 45_000 }, (_, n) => ({
            dst: `${address(n * 256)}/24`,
            dev: 'eth0',
            flags: []
          }))
        )
    }
  ),
  only(
    '4,000 addresses',
    { 'ip addr': cat('addresses') },
    {
      addresses: () =>
        JSON.stringify(
          Array.from({ length: 4_000 }, (_, n) => ({
            ifname: `veth${n}`,
            flags: ['UP'],
            addr_info: [{ family: 'inet', local: address(n), prefixlen: 8 }]
          }))
        )
    }
  ),
  only(
    '4,000 networks on each other',
    { 'docker network ls': cat('list'), 'docker network inspect': cat('networks') },
    {
      list: lines(4_000, n =>
        JSON.stringify({ ID: id(n), Name: `n${n}`, Driver: 'overlay', Scope: 'swarm' })
      ),
      networks: () =>
        JSON.stringify(
          Array.from({ length: 4_000 }, (_, n) => ({
            Id: id(n),
            Name: `n${n}`,
            Created: '2026-06-13T05:33:00Z',
            Scope: 'swarm',
            Driver: 'overlay',
            IPAM: { Config: [{ Subnet: '10.0.0.0/8', Gateway: '10.0.0.1' }] },
            Options: {},
            Labels: {},
            Containers: {}
          }))
        )
    }
  ),
  only(
    '300,000 listeners',
    { ss: cat('text') },
    {
      text: lines(150_000, n => `tcp LISTEN 0 128 0.0.0.0:${n % 65_536} 0.0.0.0:* `)
    }
  ),
  only(
    '150,000 filesystems',
    { df: cat('text') },
    {
      text: lines(60_000, n => `/dev/sd${n} 1000000 500000 500000 50% /mnt/${n}`)
    }
  ),
  units(20_000),
  units(3_000),
  // What a builder writes.
  inspected('9 MB in a service', 'service', () =>
    JSON.stringify([{ ID: id(1), Spec: { Name: 'a', Labels: { a: '#'.repeat(9 * MB) } } }])
  ),
  inspected('a rule of Traefik that nests', 'service', () =>
    JSON.stringify([
      {
        ID: id(1),
        Spec: {
          Name: 'a',
          Labels: { 'traefik.http.routers.a.rule': `${'('.repeat(MB)}Host(\`a\`)${')'.repeat(MB)}` }
        }
      }
    ])
  ),
  unit('200,000 blank lines in a unit', () => `${'\n'.repeat(200_000)}ExecStart=/bin/true`),
  unit(
    'a line of a unit that goes on for 400,000 lines',
    () => `ExecStart=/bin/true ${'\\\n a'.repeat(400_000)}`
  ),
  unit('a command of 500,000 words', () => `ExecStart=/bin/sh -c '${'echo "$a" '.repeat(200_000)}'`),
  unit('6 MB after sk- in a unit', () => `Environment=KEY=sk-${'a'.repeat(6 * MB)}`),
  program('a Python program that doubles', () => bomb),
  program(
    'a Python program that nests',
    () => `#!/usr/bin/python3\nx = ${'['.repeat(60_000)}${']'.repeat(60_000)}\n`
  ),
  program(
    'a script that sources itself twice',
    () =>
      '#!/bin/sh\n. "$0"\n. /nix/store/aaaaaaaa-swarm-init/bin/start\n. /nix/store/aaaaaaaa-swarm-init/bin/start\n'
  ),
  program('docker ps && 9,000 times', () => `#!/bin/sh\n${'docker ps && '.repeat(9_000)}true\n`),
  program('a script that nests', () => `#!/bin/sh\necho ${'$('.repeat(40_000)}true${')'.repeat(40_000)}\n`),
  program('a variable that doubles', () => `#!/bin/sh\na=docker\n${'a=$a$a\n'.repeat(1_000)}$a\n`),
  // What is no reader.
  spoken('frames without progress', 'while :; do frame s 99999 0; frame o 99999 3 abc; /bin/sleep 0.5; done'),
  spoken(
    'frames without an end',
    'f="$nonce s 0 0\n$nonce\n"; for n in 1 2 3 4 5 6 7 8 9 10; do f=$f$f; done; while printf %s "$f"; do :; done'
  ),
  spoken(
    'answers to everything, many times',
    'for n in 1 2 3; do i=0; while [ $i -lt 200 ]; do frame s $i 0; frame o $i 2 "[]"; frame e $i 0; frame x $i 0; i=$((i+1)); done; done; sleep 100'
  ),
  spoken(
    'an end in the middle of a frame',
    'read -r line; printf "%s o 0 4000000\\n" "$nonce"; head -c 100000 /dev/zero; exit 0'
  ),
  spoken(
    'a frame that never comes to its end',
    'frame s 0 0; printf "%s o 0 4000000\\n" "$nonce"; while :; do printf x; sleep 0.3; done'
  ),
  spoken(
    'a frame larger than was asked for',
    'frame s 0 0; printf "%s o 0 99999999999\\n" "$nonce"; exec /bin/cat /dev/zero'
  ),
  spoken('a reader that goes at once', 'exit 0'),
  spoken('a reader that takes nothing', 'exec sleep 1000'),
  { name: 'noise without an end', login: 'exec /usr/bin/yes', isMute: true },
  { name: 'a login that never comes to its end', login: 'exec /bin/sleep 1000', isMute: true }
]

/** What is waited for comes first, beside what computes. */
const waited =
  /^(?:no answer|a byte|a child|a Python program that nests|a frame|frames|a reader|a login|answers)/

/** Much like others, and tried with `ADVERSARY_ALL_WAYS=1`: all of them take ten minutes on two cores. */
const alike: ReadonlySet<string> = new Set([
  '150,000 filesystems',
  '2 million nested objects',
  '300,000 small documents',
  '4 million emoji',
  '5 million blank lines',
  '5 million empty lists',
  '6 MB after sk-',
  '8 million digits',
  'a clock of 30 digits',
  'a key that never ends',
  'a number of 9 million digits',
  'a string of 15 MB',
  'a string of 2 million escapes',
  'an object of a million keys',
  'errors without an end',
  'keys of a prototype',
  'NUL bytes without an end'
])
const tried = everyWay.filter(({ name }) => process.env['ADVERSARY_ALL_WAYS'] === '1' || !alike.has(name))

export const ways: readonly Way[] = [
  ...tried.filter(({ name }) => waited.test(name)),
  ...tried.filter(({ name }) => !waited.test(name))
]

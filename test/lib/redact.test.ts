import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { redact } from '../../src/lib/secrets/redact.ts'

// Put together at run time, so that no scanner takes this file for a leak.
const hex = (n: number) => '3f9a2c7be1d04856'.repeat(8).slice(0, n)
const base62 = (n: number) => 'aZ3kQ9xT7bLm2WcR5vNy8PdE4sHf6JgU1oXi0'.repeat(8).slice(0, n)
const s = base62(40)
const pem = (kind: string) =>
  `-----BEGIN ${kind}PRIVATE KEY-----\n${base62(64)}\n${base62(64)}\n${base62(20)}==\n-----END ${kind}PRIVATE KEY-----`
const jwt = `eyJ${base62(20)}.eyJ${base62(40)}.${base62(43)}`
const basic = Buffer.from('deploy:hunter2hunter2').toString('base64')

/** Text, and what must not be in it afterwards. */
const secrets: readonly (readonly [string, string, string])[] = [
  ['PEM key', pem('RSA '), base62(64)],
  ['OpenSSH key', pem('OPENSSH '), base62(64)],
  ['encrypted PEM key', pem('ENCRYPTED '), base62(20)],
  ['cut PEM key', pem('').slice(0, 120), base62(64).slice(0, 40)],
  ['PEM key inside JSON', JSON.stringify({ data: pem('EC ') }), base62(64)],
  [
    'PEM key with old headers',
    pem('RSA ').replace('\n', '\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB12\n\n'),
    base62(64)
  ],
  ['PEM key in a journal', pem('').replaceAll('\n', '\nJun 13 05:38:02 host app[12]: '), base62(64)],
  ['age key', `# public key: age1x\nAGE-SECRET-KEY-1${'QPZRY9X8'.repeat(8).slice(0, 58)}`, 'QPZRY9X8'],
  ['JWT', `cookie ${jwt} end`, jwt.slice(10, 40)],
  ['JWT behind a written line break', `"a\\n${jwt}`, jwt.slice(10, 40)],
  ['password in a URL', 'fetch postgres://app:hunter2@db:5432/app failed', 'hunter2'],
  ['password with an at sign in a URL', 'https://u:p@ssw0rd@host/', 'ssw0rd'],
  ['token in a URL', `https://${s}@git.example.test/x.git`, s],
  ['password in a database address', 'root:hunter2@tcp(db:3306)/app', 'hunter2'],
  ['bearer header', `Authorization: Bearer ${s}`, s],
  ['short token header', 'authorization: token hunter2', 'hunter2'],
  ['basic header of curl', `curl -H "Authorization: Basic ${basic}" https://x.example.test/`, basic],
  ['header in JSON', JSON.stringify({ headers: { Authorization: `Bearer ${s}` } }), s],
  ['bearer anywhere', `sent bearer ${s} to it`, s],
  ['set-cookie', 'Set-Cookie: session=hunter2; Path=/', 'hunter2'],
  ['AWS id', `id AKIA${'IOSFODNN7EXAMPLE'.slice(0, 16)} x`, 'IOSFODNN7'],
  ['AWS secret', `aws_secret_access_key = ${s}`, s],
  ['GitHub', `ghp_${base62(36)}`, base62(36)],
  ['GitHub, fine-grained', `github_pat_${base62(60)}`, base62(60)],
  ['GitLab', `glpat-${base62(20)}`, base62(20)],
  ['Gitea, by its name', `GITEA_TOKEN=${hex(40)}`, hex(40)],
  ['Slack', `xoxb-1234567890-${base62(24)}`, base62(24)],
  ['Stripe', `sk_live_${base62(24)}`, base62(24)],
  ['npm', `//registry.example.test/:_authToken=npm_${base62(36)}`, base62(36)],
  ['docker auth', JSON.stringify({ auths: { 'r.example.test': { auth: basic } } }), basic],
  ['join token', `docker swarm join --token SWMTKN-1-${base62(50)}-${base62(25)} 192.0.2.1:2377`, base62(25)],
  ['unlock key', `SWMKEY-1-${base62(43)}`, base62(43)],
  [
    'password hash',
    'traefik.http.middlewares.a.basicauth.users=admin:$apr1$abcdefgh$ABCDEFGHijklmnop123456',
    'ABCDEFGHijkl'
  ],
  [
    'bcrypt hash of compose',
    '- "l.users=x:$$2y$$05$$abcdefghijklmnopqrstuvwxyzABCDEFGH"',
    'abcdefghijklmnop'
  ],
  ['env file', 'A=1\nDB_PASSWORD=hunter2\nB=2', 'hunter2'],
  ['env file with blanks', 'DB_PASSWORD=correct horse battery', 'battery'],
  ['env in docker inspect', '{"Env":["FOO_PASSWORD=abc def/g=h","PATH=/bin"]}', 'abc def/g=h'],
  ['reference in docker inspect is none', '{"Env":["FOO_PASSWORD=$ecret"]}', 'ecret'],
  ['env of docker inspect that was cut', '{"Env":["FOO_PASSWORD=abc def","PA', 'abc def'],
  ['JSON value', '{"password":"hun\\"ter2","x":1}', 'ter2'],
  ['JSON in JSON', JSON.stringify({ config: JSON.stringify({ apiKey: 'hunter2' }) }), 'hunter2'],
  ['JSON in a log line', 'INFO sent {"user":"a","password":"hunter2"} ok', 'hunter2'],
  ['escaped JSON in a log line', 'msg="{\\"password\\":\\"hun\\\\\\"ter2\\"}"', 'ter2'],
  ['YAML', '  password: hunter2 and more\n  user: a', 'and more'],
  ['YAML, quoted', '- client_secret: "hunter2 x"', 'hunter2'],
  ['shell', 'export API_KEY=hunter2; docker ps', 'hunter2'],
  ['shell, quoted', `PGPASSWORD='hunter2 x' psql`, 'hunter2'],
  ['option', 'app --password hunter2 --verbose', 'hunter2'],
  ['option with equals sign', 'app --client-secret=hunter2', 'hunter2'],
  ['unit', 'Environment=DRONE_RPC_SECRET=hunter2 PATH=/bin', 'hunter2'],
  ['unit, quoted', 'Environment="DRONE_RPC_SECRET=hunter2 x" "B=1"', 'hunter2 x'],
  ['query', 'GET /cb?state=1&access_token=hunter2&x=1', 'hunter2'],
  ['Go map', 'map[password:hunter2 user:a]', 'hunter2'],
  ['XML', '<password>hunter2</password>', 'hunter2'],
  ['TOML', 'password = "hunter2"', 'hunter2'],
  ['camel case', '{"dbPassword":"hunter2"}', 'hunter2'],
  ['random value of a key', `SESSION_KEY_BASE=${s} key=${s}`, s],
  ['path of a link', 'Location: /reset/token=hunter2', 'hunter2'],
  ['a number', '{"db":{"password":31415926}}', '31415926'],
  ['a number at the end', '[{"pass_word":1,"password": 31415926\n}]', '31415926'],
  ['YAML block', 'a:\n  password: |\n    hunter2\n    more words\n  user: b', 'more words'],
  ['YAML block, folded', '- client_secret: >-\n    hunter2\n- b', 'hunter2'],
  ['YAML block in JSON', JSON.stringify({ file: 'token: |\n  hunter2\n' }), 'hunter2'],
  ['curl', 'curl -fsS -u admin:hunter2 https://x.example.test/', 'hunter2'],
  ['curl, quoted', `curl --user 'admin:hunter2' https://x.example.test/`, 'hunter2'],
  ['sshpass', 'sshpass -p hunter2 ssh root@x', 'hunter2'],
  ['docker login', 'docker login -u ci -p hunter2 r.example.test', 'hunter2'],
  ['redis', 'redis-cli -h db -a hunter2 ping', 'hunter2'],
  ['mysql', 'mysqldump -u root -phunter2 app', 'hunter2'],
  ['openssl', 'openssl rsa -in k -passin pass:hunter2', 'hunter2'],
  ['credential in a unit', 'SetCredential=db:hunter2', 'hunter2'],
  ['numbered', 'TOKEN_2=hunter2 PASSWORD1=hunter2', 'hunter2']
]

/** Must come out as it went in. */
const innocent: readonly string[] = [
  `sha256:${hex(64)}`,
  `traefik:v3.1@sha256:${hex(64)}`,
  `{"Id":"${hex(64)}","Key":"${hex(64)}","SecretID":"abcdefghijklmnopqrstuvwxy"}`,
  `commit ${hex(40)}\ntoken count 5`,
  'ab54qfa7gsk5abcdefghijklm   proxy   overlay   swarm',
  '/nix/store/0c1h2j3k4l5m6n7p8q9r0s1v2w3x4y5z-swarm-init-start/bin/swarm-init-start',
  '10.10.0.0/16 172.17.0.1 2001:db8::/32',
  'DB_PASSWORD_FILE=/run/secrets/db_password',
  'PASSWORD=/run/secrets/x',
  '{"File":{"Name":"/run/secrets/db_password","UID":"0"},"SecretName":"stack_db_password_v1"}',
  '{"ID":"x","Name":"drone_rpc_secret_v1","Driver":""}',
  'db_password_v1   5 days ago   5 days ago',
  'docker service create --secret db_password --secret source=rpc_secret,target=rpc_secret,mode=0400 app',
  'secrets:\n  db_password:\n    external: true\n    name: stack_db_password_v1',
  'services:\n  app:\n    secrets:\n      - db_password',
  'secret: db_password',
  'LoadCredential=db-password:/run/keys/db\nLoadCredential=db-password\nImportCredential=db.*',
  'LoadCredentialEncrypted=db-password:/etc/credstore.encrypted/db',
  'script: |\n  echo token\n  docker ps\nnext: 1',
  'docker run -u 1000:1000 -p 8080:80 app',
  'ssh -p 2222 root@x; curl -u "$USER:$PASSWORD" https://x.example.test/',
  '{"max_tokens":409600,"token":12345,"passwords":[12345]}',
  'SECRET_DB_PASSWORD_VERSION=v1',
  'PASSWORD=${DB_PASSWORD}\nTOKEN="$TOKEN"\nX_SECRET=$(cat /run/secrets/x)',
  'if [ "$TOKEN" == "" ]; then echo missing; fi',
  'PWD=/root\nOLDPWD=/',
  'Failed password for root from 203.0.113.4 port 22 ssh2',
  'Basic authentication is off',
  'token: expected a number',
  '{"tokenEnabled":true,"max_tokens":4096,"TokenType":"bearer","passwords":[]}',
  'PasswordAuthentication no',
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK3kQ9xT7bLm2WcR5vNy8PdE4sHf6JgU1oXi0aZ3kQ9 host',
  'key: SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDPQ2Fb1JN8mXyZabc',
  'public_key=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA3kQ9xT7bLm2WcR5v',
  'https://registry.example.test:8080/npm/@scope/pkg?x=1',
  'ssh://git@git.example.test/ops/infra.git',
  'docker network create --driver overlay --attachable --subnet 10.10.0.0/16 proxy',
  'DB_TOKEN=true X=1',
  'Sat 2026-06-13 05:38:17 UTC; 9min ago',
  'traefik_ci_socket-proxy 1/1 tecnativa/docker-socket-proxy:0.1.1',
  'monkey=1 keyboard: de bypass=on compass: north',
  '{"Spec":{"Name":"app_secret","Labels":{"com.docker.stack.namespace":"app"}}}'
]

describe('hides', () => {
  test.each(secrets)('%s', (_, text, secret) => {
    const { text: out, redactions } = redact(text)
    expect(out).not.toContain(secret)
    expect(out).toMatch(/«redacted:[a-z-]+:\d+»/)
    expect(redactions.length).toBeGreaterThan(0)
    expect(redact(out)).toEqual({ text: out, redactions: [] })
  })

  test('no more than the secret', () => {
    expect(redact('A=1\nDB_PASSWORD=hunter2\nB=2').text).toBe('A=1\nDB_PASSWORD=«redacted:password:1»\nB=2')
    expect(redact('postgres://app:hunter2@db:5432/app').text).toBe(
      'postgres://app:«redacted:url-password:1»@db:5432/app'
    )
    expect(redact('app --password hunter2 --verbose').text).toBe(
      'app --password «redacted:password:1» --verbose'
    )
    expect(redact('?a=1&access_token=hunter2&x=1').text).toBe('?a=1&access_token=«redacted:token:1»&x=1')
    expect(redact('PASSWORD=hunter2 docker network create --subnet 10.0.0.0/8 x').text).toBe(
      'PASSWORD=«redacted:password:1» docker network create --subnet 10.0.0.0/8 x'
    )
    expect(redact('curl -H "Authorization: Bearer hunter2hunter2" https://x.example.test/').text).toBe(
      'curl -H "Authorization: Bearer «redacted:authorization:1»" https://x.example.test/'
    )
    expect(redact('map[password:hunter2 user:a]').text).toBe('map[password:«redacted:password:1» user:a]')
  })
})

test.each(innocent)('leaves %j', text => {
  expect(redact(text)).toEqual({ text, redactions: [] })
})

test('equal secrets get equal marks, others get others', () => {
  expect(redact('A_PASSWORD=x1y2z3\nB_PASSWORD=other1\nC_TOKEN=x1y2z3').text).toBe(
    'A_PASSWORD=«redacted:password:1»\nB_PASSWORD=«redacted:password:2»\nC_TOKEN=«redacted:password:1»'
  )
  expect(redact('A_PASSWORD=x1\nB_TOKEN=y1').redactions).toEqual([
    { kind: 'password', count: 1 },
    { kind: 'token', count: 1 }
  ])
})

test('a text that was redacted before keeps its numbers apart', () => {
  expect(redact('A_PASSWORD=«redacted:password:1»\nB_PASSWORD=hunter2').text).toBe(
    'A_PASSWORD=«redacted:password:1»\nB_PASSWORD=«redacted:password:2»'
  )
})

test('what only begins like a mark is hidden', () => {
  expect(redact('PASSWORD=«redacted:hunter2').text).not.toContain('hunter2')
})

test('with a salt marks are the same in every text, and depend on the salt', () => {
  const one = redact('A_PASSWORD=hunter2', { salt: 'a' }).text.split('=')[1]
  expect(redact('x: {"token":"hunter2","password":"other"}', { salt: 'a' }).text).toContain(one?.slice(-14))
  expect(redact('A_PASSWORD=hunter2', { salt: 'b' }).text).not.toContain(one)
})

const piece = fc.oneof(
  fc.constantFrom(
    'PASSWORD',
    'token',
    '"password"',
    '\\"secret\\"',
    '=',
    ': ',
    ':',
    ' ',
    '\n',
    '"',
    "'",
    '\\',
    '\\n',
    '{',
    '}',
    '[',
    ']',
    ',',
    '--token ',
    'Authorization: ',
    'Bearer ',
    'Basic ',
    '://',
    'u:p',
    '@',
    '/',
    '&',
    '$',
    '«',
    '»',
    '«redacted:password:1»',
    '«redacted:',
    'eyJ',
    '.',
    '-----BEGIN PRIVATE KEY-----',
    '-----END PRIVATE KEY-----',
    'auth',
    'key',
    '<',
    '>',
    'Cookie: ',
    'SWMTKN-1-',
    'ghp_',
    '`',
    ';',
    '#'
  ),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.string({ minLength: 20, maxLength: 40 })
)
const soup = fc.array(piece, { maxLength: 30 }).map(parts => parts.join(''))

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('for any text', () => {
  test.each(
    (
      'AKIA ASIA ABIA ACCA ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- glptt- gldt- glrt- glagent- glffct- glwt- xoxb- ' +
      'xapp-1- sk_live_ pk_test_ whsec_ rk_live_ sk- sk-proj- npm_ pypi- dckr_pat_ dckr_oat_ doo_v1_ dop_v1_ dor_v1_ AIza ' +
      'ya29. hvs. hvb. hvr. tskey-auth- gto_ gta_ gtr_ SWMTKN-1- SWMKEY-1- AGE-SECRET-KEY-1 age-secret-key-1'
    ).split(' ')
  )('a secret that begins with %s is seen where nothing else tells of one', beginning => {
    const secret = beginning + (/^A[KSBC]/.test(beginning) ? 'IOSFODNN7EXAMPL2' : hex(64))
    for (const text of [
      secret.slice(0, beginning === 'AIza' ? 39 : 90),
      JSON.stringify({ a: [secret.slice(0, beginning === 'AIza' ? 39 : 90)] })
    ]) {
      expect(redact(text).redactions).toHaveLength(1)
    }
  })

  // An `@`, a command's word and a name of which nothing follows: enough for every search to be made. In front: behind
  // a name at the end of the text it would be the name's value.
  test('the quick look ahead lets no secret by', () => {
    const beside = (text: string) => (isJson(text) ? `["@ curl auth",${text}]` : `@ curl auth\n${text}`)
    const known = secrets.map(([, text]) => text)
    fc.assert(
      fc.property(fc.oneof(soup, fc.constantFrom(...known)), text => {
        expect(redact(beside(text)).text).toBe(beside(redact(text).text))
      }),
      { numRuns: 700 }
    )
  })

  test('redacting twice changes nothing more', () => {
    fc.assert(
      fc.property(soup, text => {
        const once = redact(text).text
        expect(redact(once)).toEqual({ text: once, redactions: [] })
      }),
      { numRuns: 1000 }
    )
  })

  test('JSON stays JSON of the same shape', () => {
    const json = fc.json({ stringUnit: 'binary' })
    const nasty = fc
      .dictionary(
        fc.oneof(fc.constantFrom('password', 'auth', 'Env', 'api_key', '__proto__'), soup),
        fc.oneof(soup, fc.array(soup), fc.integer())
      )
      .map(value => JSON.stringify(value))
    fc.assert(
      fc.property(fc.oneof(json, nasty), fc.boolean(), (text, nested) => {
        const document = nested ? JSON.stringify({ inner: text }) : text
        expect(shapeOf(JSON.parse(redact(document).text))).toEqual(shapeOf(JSON.parse(document)))
      }),
      { numRuns: 700 }
    )
  })

  test('JSON with one document a line stays that', () => {
    const rows = fc.array(fc.json({ stringUnit: 'grapheme' }), { minLength: 1 })
    fc.assert(
      fc.property(rows, lines => {
        const out = redact(`header\n${lines.join('\n')}\n`)
          .text.trimEnd()
          .split('\n')
          .slice(1)
        expect(out.map(line => shapeOf(JSON.parse(line)))).toEqual(
          lines.map(line => shapeOf(JSON.parse(line)))
        )
      })
    )
  })
})

function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf)
  if (typeof value === 'object' && value !== null) return Object.values(value).map(shapeOf)
  return typeof value === 'string' || typeof value === 'number' ? 'scalar' : value
}

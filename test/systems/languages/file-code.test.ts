import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fileCode } from '../../../src/systems/programs/program-text.ts'
import { paths } from '../../support/file-kinds.ts'

const wanted = 'PermitRootLogin yes'

type Standing = 'does' | 'inert' | 'unclear'

function standing(path: string, text: string): Standing {
  const { does, may } = fileCode(path, text)
  const has = (lines: typeof does) => lines.some(line => line.text.includes(wanted))
  return has(does) ? 'does' : has(may) ? 'unclear' : 'inert'
}

const w = wanted

describe('what is code and what is comment follows the language', () => {
  it.each<[path: string, text: string, expected: Standing]>([
    // Terraform
    ['main.tf', `a = "${w}"\n`, 'does'],
    ['main.tf', `# ${w}\n`, 'inert'],
    ['main.tf', `// ${w}\n`, 'inert'],
    ['main.tf', `/*\n ${w}\n*/\n`, 'inert'],
    ['main.tf', `a = "x # ${w}"\n`, 'does'],
    ['main.tf', `a = <<-EOT\n  # x\n  ${w}\nEOT\n`, 'does'],
    ['x.hcl', `a = 1 # ${w}\n`, 'inert'],
    ['x.hcl', `url = "http://x/${w}"\n`, 'does'],
    // configurations
    ['x.conf', `# ${w}\n`, 'inert'],
    ['x.conf', `; ${w}\n`, 'inert'],
    ['x.conf', `${w}\n`, 'does'],
    ['x.conf', `listen 80; # ${w}\n`, 'unclear'],
    ['etc/nginx.conf', `log_format x '# ${w}';\n`, 'does'],
    ['x.cfg', `# ${w}\n`, 'inert'],
    ['etc/sshd_config', `${w}\n`, 'does'],
    ['etc/sshd_config', `#${w}\n`, 'inert'],
    ['etc/ssh/sshd_config.d/10-root', `# ${w}\n`, 'inert'],
    ['Caddyfile', `# ${w}\n`, 'inert'],
    ['Caddyfile', `respond "# ${w}"\n`, 'does'],
    ['x.ini', `; ${w}\n`, 'inert'],
    ['x.ini', `# ${w}\n`, 'inert'],
    ['x.ini', `a = ${w}\n`, 'does'],
    ['x.ini', `a = b ; ${w}\n`, 'unclear'],
    ['x.service', `ExecStart=/x ${w}\n`, 'does'],
    ['x.properties', `! ${w}\n`, 'inert'],
    ['.env', `# ${w}\n`, 'inert'],
    ['.env', `A="${w}"\n`, 'does'],
    ['.env.production', `# ${w}\n`, 'inert'],
    // SQL
    ['x.sql', `-- ${w}\n`, 'inert'],
    ['x.sql', `/* ${w} */\n`, 'inert'],
    ['x.sql', `insert into x values ('-- ${w}');\n`, 'does'],
    ['x.sql', `insert into x values ('it''s', '${w}'); -- y\n`, 'does'],
    // Lua
    ['x.lua', `-- ${w}\n`, 'inert'],
    ['x.lua', `--[[\n${w}\n]]\n`, 'inert'],
    ['x.lua', `--[==[\n]]\n${w}\n]==]\n`, 'inert'],
    ['x.lua', `x = [[\n-- ${w}\n]]\n`, 'does'],
    ['x.lua', `print("${w}")\n`, 'inert'],
    // markup
    ['x.xml', `<!-- ${w} -->\n`, 'inert'],
    ['x.xml', `<!--\n${w}\n-->\n<a/>`, 'inert'],
    ['x.xml', `<a>${w}</a>\n`, 'does'],
    ['x.xml', `<![CDATA[ <!-- ${w} --> ]]>\n`, 'does'],
    ['x.html', `<p>a</p><!-- ${w} -->\n`, 'inert'],
    ['README.md', `<!-- ${w} -->\n`, 'inert'],
    ['README.md', `# ${w}\n`, 'does'],
    // templates
    ['sshd_config.j2', `{# ${w} #}\n`, 'inert'],
    ['sshd_config.j2', `# ${w}\n`, 'inert'],
    ['sshd_config.j2', `{% if root %}\n${w}\n{% endif %}\n`, 'does'],
    ['x.yml.j2', `a: b # ${w}\n`, 'inert'],
    ['x.conf.tmpl', `{{/* ${w} */}}\n`, 'inert'],
    ['x.erb', `<%# ${w} %>\n`, 'inert'],
    // Nix
    ['x.nix', `{ a = "${w}"; } # b\n`, 'does'],
    ['x.nix', `{ a = 1; # ${w}\n}\n`, 'inert'],
    ['x.nix', `/* a\n${w} */ { }\n`, 'inert'],
    ['x.nix', `{ a = ''\n  \${f "''" /* x */}\n  # ${w}\n''; }\n`, 'inert'],
    ['x.nix', `{ a = ''\n  \${f "''"}\n  ${w}\n''; }\n`, 'does'],
    ['x.nix', `{ a = ''\n \${f ( # ${w}\n 1)}\n''; }\n`, 'inert'],
    ['x.nix', `{ a = "\${b} # ${w}"; }\n`, 'does'],
    ['x.nix', `{ a = map (x: foldl' x) ''\n# ${w}\n''; }\n`, 'inert'],
    ['x.nix', `{ script = ''\n  echo "${w}"\n''; }\n`, 'inert'],
    ['x.nix', `{ script = ''\n  echo "${w}" >> /etc/ssh/sshd_config\n''; }\n`, 'does'],
    ['x.nix', `{ script = "echo ${w}"; }\n`, 'inert'],
    ['x.nix', `{ services.openssh.extraConfig = ''\n  ${w}\n''; }\n`, 'does'],
    ['x.nix', `{ environment.etc."ssh/sshd_config".text = ''\n  # don't\n  # ${w}\n''; }\n`, 'inert'],
    ['x.nix', `{ a = lib.warn "${w}" 1; }\n`, 'inert'],
    // TOML, YAML, JSON
    ['x.toml', `a = 1 # ${w}\n`, 'inert'],
    ['x.toml', `a = '''\n# ${w}\n'''\n`, 'does'],
    ['x.toml', `a = "# ${w}"\n`, 'does'],
    ['x.yaml', `a: b # ${w}\n`, 'inert'],
    ['x.yaml', `a: b#${w}\n`, 'does'],
    ['x.yaml', `a: |\n  ${w}\n`, 'does'],
    ['x.yaml', `a: |\n  # ${w}\nb: c\n`, 'unclear'],
    ['x.yaml', `run: |\n  # ${w}\n`, 'inert'],
    ['x.yaml', `run: |\n  echo "${w}"\n`, 'inert'],
    ['x.yaml', `run: |\n  echo "${w}" | sh\n`, 'does'],
    ['x.yaml', `script:\n  - echo "${w}"\n`, 'inert'],
    ['x.yaml', `script:\n  - echo "${w}" >> /etc/x\n`, 'does'],
    ['x.yaml', `commands:\n- echo ${w}\nname: x\n`, 'inert'],
    ['x.yaml', `data:\n  nginx.conf: |\n    # ${w}\n`, 'inert'],
    ['x.yaml', `data:\n  nginx.conf: |\n    ${w}\n`, 'does'],
    ['x.json', `{ "a": "${w}" }\n`, 'does'],
    ['x.json', `{ "a": "// ${w}" }\n`, 'does'],
    ['x.json', `// ${w}\n{}\n`, 'unclear'],
    ['tsconfig.json', `// ${w}\n{}\n`, 'inert'],
    // programs
    ['x.ts', `const a = /[/*]"/; b = '${w}'\n`, 'does'],
    ['x.ts', `// ${w}\n`, 'inert'],
    ['x.ts', `const a = \`\n// ${w}\`\n`, 'does'],
    ['x.js', `console.log('${w}')\n`, 'inert'],
    ['x.js', `console.log(run('${w}'))\n`, 'does'],
    ['x.py', `x = '''# ${w}'''\n`, 'does'],
    ['x.py', `def f():\n  """${w}"""\n`, 'inert'],
    ['x.py', `print("${w}", file=open("/etc/x", "w"))\n`, 'does'],
    ['x.rb', `# ${w}\n`, 'inert'],
    ['x.rb', `=begin\n${w}\n=end\n`, 'inert'],
    ['x.rb', `a = <<~EOF\n  # ${w}\nEOF\n`, 'does'],
    ['x.rb', `a = "#{b} ${w}"\n`, 'does'],
    ['x.rb', `puts "${w}"\n`, 'inert'],
    ['Vagrantfile', `# ${w}\n`, 'inert'],
    ['x.go', `// ${w}\n`, 'inert'],
    ['x.go', 'a := `\n// ' + w + '`\n', 'does'],
    ['x.go', `fmt.Println("${w}")\n`, 'inert'],
    ['x.rs', `/* a /* b */ ${w} */\n`, 'inert'],
    ['x.rs', `let a: &'static str = "${w}"; // 'x\n`, 'does'],
    ['x.rs', `let a = r#"// "${w}"#;\n`, 'does'],
    ['x.c', `/* ${w} */\n`, 'inert'],
    ['x.c', `// ${w}\n`, 'inert'],
    ['x.c', `char *a = "/* ${w} */";\n`, 'does'],
    ['x.php', `# ${w}\n`, 'inert'],
    ['x.pl', `$n = $#a; $b = '${w}';\n`, 'does'],
    ['x.pl', `# ${w}\n`, 'inert'],
    ['x.hs', `{- a {- b -} ${w} -}\n`, 'inert'],
    ['x.ps1', `<# ${w} #>\n`, 'inert'],
    ['x.bat', `REM ${w}\n`, 'inert'],
    ['x.vim', `" ${w}\n`, 'inert'],
    ['x.el', `; ${w}\n`, 'inert'],
    ['CMakeLists.txt', `# ${w}\n`, 'inert'],
    ['Jenkinsfile', `// ${w}\n`, 'inert'],
    ['Jenkinsfile', `echo '${w}'\n`, 'inert'],
    ['Jenkinsfile', `sh '''\n  set-it ${w}\n'''\n`, 'does'],
    // Dockerfile
    ['Dockerfile', `# ${w}\nFROM x\n`, 'inert'],
    ['Dockerfile', `FROM x\nRUN echo "${w}" >> /etc/ssh/sshd_config\n`, 'does'],
    ['Dockerfile', `FROM x\nRUN echo "${w}"\n`, 'inert'],
    ['Dockerfile', `FROM x\nRUN a && \\\n# ${w}\n  b\n`, 'inert'],
    ['Dockerfile', `FROM x\nRUN a && \\\n# it's\n  b ${w}\n`, 'does'],
    ['Dockerfile', `FROM x\nENV A="# ${w}"\n`, 'does'],
    ['Dockerfile.dev', `FROM x\nRUN <<EOF\n# ${w}\nEOF\nRUN b\n`, 'inert'],
    ['web.dockerfile', `RUN <<EOF\nb ${w}\nEOF\n`, 'does'],
    // make and just
    ['Makefile', `# ${w}\n`, 'inert'],
    ['Makefile', `all:\n\t@echo "${w}"\n`, 'inert'],
    ['Makefile', `all:\n\t@echo "${w}" > $(DESTDIR)/x\n`, 'does'],
    ['Makefile', `A = ${w}\n`, 'does'],
    ['Makefile', `$(info ${w})\n`, 'inert'],
    ['justfile', `# ${w}\n`, 'inert'],
    ['justfile', `all:\n  echo "${w}"\n`, 'inert'],
    ['justfile', `all:\n  set-it ${w}\n`, 'does'],
    // by its first line
    ['start', `#!/usr/bin/env node\n// ${w}\n`, 'inert'],
    ['start', `#!/usr/bin/perl -w\n# ${w}\n`, 'inert'],
    // neither
    ['start.xyz', `${w}\n`, 'does'],
    ['start.xyz', `# ${w}\n`, 'inert'],
    ['start.xyz', `-- ${w}\n`, 'unclear'],
    ['start.xyz', `a # ${w}\n`, 'unclear']
  ])('%s: %j is %s', (path, text, expected) => {
    expect(standing(path, text)).toBe(expected)
  })
})

describe('what a shell prints counts where it goes somewhere', () => {
  it.each<[text: string, expected: Standing]>([
    [`echo "${w}"`, 'inert'],
    [`echo "${w}" >&2`, 'inert'],
    [`echo "${w}" > /dev/null`, 'inert'],
    [`echo "${w}" 2>/tmp/x`, 'inert'],
    [`echo "${w}" | logger -t x`, 'inert'],
    [`echo "${w}" | tee /dev/stderr`, 'inert'],
    [`echo "${w}" | sed s/a/b/ | cat`, 'inert'],
    [`echo "${w}" >> "$LOGFILE"`, 'inert'],
    [`echo "${w}" >> /var/log/deploy.log`, 'inert'],
    [`: "${w}"`, 'inert'],
    [`: "${w}" > /etc/x`, 'inert'],
    [`logger "${w}"`, 'inert'],
    [`sudo echo "${w}"`, 'inert'],
    [`\\echo "${w}"`, 'inert'],
    [`sh -c 'echo "${w}"'`, 'inert'],
    [`{ echo "${w}"; }`, 'inert'],
    [`log() { echo "$(date) $*" >&2; }\nlog "${w}"`, 'inert'],
    [`die() { echo "$1"; exit 1; }\nx || die "${w}"`, 'inert'],
    [`echo "# ${w}" >> /etc/ssh/sshd_config`, 'inert'],
    [`cat > /etc/ssh/sshd_config <<EOF\n# ${w}\nEOF`, 'inert'],
    [`sh <<EOF\necho ${w}\nEOF`, 'inert'],
    [`echo "${w}" | while read -r line; do echo "> $line"; done`, 'inert'],
    [`info "${w}"`, 'unclear'],
    [`log_daemon_msg "${w}"`, 'unclear'],
    [`echo "${w}" >> /etc/ssh/sshd_config`, 'does'],
    [`echo "${w}" > /etc/x`, 'does'],
    [`printf '%s\\n' "${w}" | tee -a /etc/ssh/sshd_config`, 'does'],
    [`printf '%s\\n' "${w}" | sudo tee /etc/ssh/sshd_config >/dev/null`, 'does'],
    [`echo "${w}" | sh`, 'does'],
    [`echo "${w}" | sed s/a/b/ | sudo sh`, 'does'],
    [`echo "${w}" | cat > /etc/x`, 'does'],
    [`echo "${w}" | ssh host 'cat >> x'`, 'does'],
    [`{ echo "${w}"; echo b; } > /etc/x`, 'does'],
    [`( echo "${w}" ) | sh`, 'does'],
    [`for i in 1; do echo "${w}"; done >> /etc/x`, 'does'],
    [`if a; then echo "${w}"; fi > /etc/x`, 'does'],
    [`exec > /etc/x\necho "${w}"`, 'does'],
    [`exec > >(tee /var/log/x) 2>&1\necho "${w}"`, 'inert'],
    [`x=$(echo "${w}")`, 'does'],
    [`set-it $(printf %s "${w}")`, 'does'],
    [`gen() { echo "${w}"; }\nset-it $(gen)`, 'does'],
    [`gen() { echo "${w}"; }\ngen > /etc/x`, 'does'],
    [`printf -v x '%s' "${w}"`, 'does'],
    [`: "\${X:=${w}}"`, 'does'],
    [`cat > /etc/ssh/sshd_config <<EOF\n${w}\nEOF`, 'does'],
    [`tee /etc/ssh/sshd_config <<EOF\n${w}\nEOF`, 'does'],
    [`x=$(cat <<EOF\n${w}\nEOF\n)`, 'does'],
    [`log() { echo "$*" >> /etc/x; }\nlog "${w}"`, 'does'],
    [`sh -c 'set-it "${w}"'`, 'does'],
    [`sed -i 's/x/${w}/' /etc/ssh/sshd_config`, 'does']
  ])('%j is %s', (text, expected) => {
    expect(standing('a.sh', `${text}\n`)).toBe(expected)
  })
})

it('has an answer for any text, and keeps no character that is not there', () => {
  const pieces =
    `" ' \` # // /* */ -- --[[ ]] <<E \nE\n {# #} <!-- --> '' \${ } { } ( ) [ ] | > >> echo print( RUN \t - a: run: \\ \n`.split(
      ' '
    )
  const texts = fc.array(fc.oneof(fc.constantFrom(...pieces, ' ', '\n'), fc.string({ maxLength: 3 })), {
    maxLength: 50
  })
  fc.assert(
    fc.property(texts, fc.constantFrom(...paths), (parts, path) => {
      const text = parts.join('').replaceAll('\r\n', '\n')
      const { does, may, rows } = fileCode(path, text)
      const lines = text.split('\n')
      expect(rows.does).toHaveLength(lines.length)
      expect([...does, ...may].every(({ line }) => line >= 1 && line <= lines.length)).toBe(true)
      for (const [index, row] of rows.may.entries()) {
        expect(row.length).toBeLessThanOrEqual(lines[index]?.length ?? 0)
        expect((rows.does[index] ?? '').length).toBeLessThanOrEqual(row.length)
      }
    }),
    { numRuns: 3000 }
  )
})

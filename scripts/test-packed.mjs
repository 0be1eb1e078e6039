// Packs every package as it would be published, installs the tarballs in empty folders as a user would, and runs the
// programs of scripts/packed there, from ESM and from CommonJS. Needs a build. Exits with 1 when anything fails.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const work = mkdtempSync(join(tmpdir(), 'babble-packed-'))
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'))
const npm = (args, cwd) => execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })

const packages = new Map()
for (const folder of readdirSync(join(root, 'packages'))) {
  const directory = join(root, 'packages', folder)
  if (!existsSync(join(directory, 'package.json'))) continue
  const manifest = readJson(join(directory, 'package.json'))
  if (manifest.private) continue
  for (const hook of ['preinstall', 'install', 'postinstall', 'prepare']) {
    if (manifest.scripts?.[hook]) throw new Error(`${manifest.name} has a script that runs at install: ${hook}`)
  }
  const [packed] = JSON.parse(npm(['pack', '--json', '--pack-destination', work], directory))
  const library = ['dist/index.js', 'dist/index.cjs', 'dist/index.d.ts', 'dist/index.d.cts']
  const own = manifest.main ? library : Object.values(manifest.bin).map((path) => path.replace('./', ''))
  for (const required of ['LICENSE', ...own]) {
    if (!packed.files.some((file) => file.path === required)) {
      throw new Error(`${manifest.name}: the tarball lacks ${required}. Run "npm run build" first.`)
    }
  }
  packages.set(manifest.name, join(work, packed.filename))
  console.log(
    `${manifest.name} ${manifest.version}: ${packed.files.length} files, ${Math.ceil(packed.size / 1024)} KiB`,
  )
}

/** What a tarball needs of our own packages, itself included. */
const closure = (name, seen = new Set()) => {
  seen.add(name)
  const { dependencies = {} } = readJson(join(root, 'packages', name.slice('@babble/'.length), 'package.json'))
  for (const dependency of Object.keys(dependencies)) {
    if (packages.has(dependency) && !seen.has(dependency)) closure(dependency, seen)
  }
  return [...seen]
}

const tfjs = `@tensorflow/tfjs-core@${readJson(join(root, 'node_modules/@tensorflow/tfjs-core/package.json')).version}`
const cases = [
  { folder: 'engine', install: '@babble/tfjs-backend-xla', programs: ['linear.mjs', 'linear.cjs'] },
  {
    folder: 'wav2vec2',
    install: '@babble/wav2vec2',
    programs: ['forward.mjs', 'forward.cjs', 'decode.mjs', 'decode.cjs'],
    types: 'types.mts',
  },
  { folder: 'hubert', install: '@babble/hubert', programs: ['pretrain.mjs', 'pretrain.cjs'] },
  { folder: 'cli', install: '@babble/cli', beside: '@babble/wav2vec2', programs: ['babble.mjs'] },
]

let failed = 0
const check = (title, command, args, cwd) => {
  const started = performance.now()
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  if (status === 0) console.log(`ok    ${title} (${seconds} s) ${stdout.trim()}`)
  else {
    failed++
    console.log(`FAIL  ${title} (${seconds} s)\n${stdout}${stderr}`)
  }
}

try {
  for (const { folder, install, beside = install, programs, types } of cases) {
    const directory = join(work, folder)
    mkdirSync(directory)
    writeFileSync(join(directory, 'package.json'), JSON.stringify({ name: 'user', private: true }))
    const tarballs = closure(beside, new Set(closure(install))).map((name) => packages.get(name))
    npm(['install', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error', ...tarballs, tfjs], directory)
    cpSync(join(root, 'scripts/packed', folder), directory, { recursive: true })
    for (const program of programs) check(`${install}: ${program}`, process.execPath, [program], directory)
    if (types) {
      const tsc = join(root, 'node_modules/typescript/bin/tsc')
      const compilerOptions = {
        noEmit: true,
        strict: true,
        skipLibCheck: true,
        module: 'nodenext',
        target: 'es2022',
        types: [],
      }
      writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [types] }))
      check(`${install}: ${types}`, process.execPath, [tsc], directory)
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
if (failed > 0) process.exit(1)

import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { discoverPlugins } from './discover'
import { loadPlugins, PluginError, pluginForModelType, pluginNamed } from './load-plugins'

let root: string
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'babble-plugins-')))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const write = (path: string, content: string | object): void => {
  const file = join(root, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
}

/** A package with a plugin, as someone else would write it: plain JavaScript that imports nothing. */
const install = (folder: string, name: string, model: string, source?: string): void => {
  write(`${folder}/package.json`, { name, version: '1.2.3', type: 'module', babble: { plugin: './plugin.js' } })
  const plugin = {
    name: model,
    title: model,
    paper: { title: 'A', authors: 'B', url: 'C' },
    sizes: {},
    modelTypes: [model],
  }
  write(`${folder}/plugin.js`, source ?? `export const plugin = ${JSON.stringify(plugin)}\n`)
}

const names = (...from: string[]) =>
  discoverPlugins(from.map((folder) => join(root, folder))).packages.map(({ name }) => name)

describe('discoverPlugins', () => {
  it('finds packages of any name by their declaration, with and without a scope, in folders further up too', () => {
    install('project/node_modules/speech-thing', 'speech-thing', 'thing')
    install('project/node_modules/@someone/models', '@someone/models', 'models')
    install('node_modules/further-up', 'further-up', 'further')
    write('project/node_modules/no-plugin/package.json', { name: 'no-plugin' })
    write('project/node_modules/.bin/package.json', { name: 'hidden', babble: { plugin: './x.js' } })
    expect(names('project/deep/inside').sort()).toEqual(['@someone/models', 'further-up', 'speech-thing'])
  })

  it('takes the package of the first starting folder where two have the same name', () => {
    install('project/node_modules/thing', 'thing', 'thing')
    install('tool/node_modules/thing', 'thing', 'thing')
    install('tool/node_modules/other', 'other', 'other')
    const { packages } = discoverPlugins([join(root, 'project'), join(root, 'tool')])
    expect(packages.map(({ directory }) => directory)).toEqual([
      join(root, 'project/node_modules/thing'),
      join(root, 'tool/node_modules/other'),
    ])
  })

  it('follows links, as package managers and workspaces make them, and counts a package once', () => {
    install('store/thing', 'thing', 'thing')
    mkdirSync(join(root, 'project/node_modules'), { recursive: true })
    symlinkSync(join(root, 'store/thing'), join(root, 'project/node_modules/thing'))
    write('project/package.json', { name: 'project', dependencies: { thing: '*', 'not-installed': '*' } })
    const { packages } = discoverPlugins([join(root, 'project')])
    expect(packages).toEqual([
      {
        name: 'thing',
        version: '1.2.3',
        directory: join(root, 'store/thing'),
        module: join(root, 'store/thing/plugin.js'),
      },
    ])
  })

  it('says why a declaration cannot be followed', () => {
    write('node_modules/a/package.json', { name: 'a', babble: {} })
    write('node_modules/b/package.json', { name: 'b', babble: { plugin: '../../evil.js' } })
    write('node_modules/c/package.json', { name: 'c', babble: { plugin: './dist/plugin.js' } })
    write('node_modules/d/package.json', '{ not json')
    write('evil.js', '')
    const { packages, broken } = discoverPlugins([root])
    expect(packages).toEqual([])
    expect(broken.map(({ name, reason }) => `${name}: ${reason}`)).toEqual([
      'a: its package.json has a field "babble", but babble.plugin does not name a module.',
      'b: babble.plugin is ../../evil.js, outside the package.',
      'c: babble.plugin is ./dist/plugin.js, which is not there. Has the package been built?',
    ])
  })
})

describe('loadPlugins', () => {
  it('imports what is found, and lists what cannot be used without failing', async () => {
    install('node_modules/good', 'good', 'good')
    install('node_modules/throws', 'throws', 'x', 'throw new Error("no luck")\n')
    install('node_modules/empty', 'empty', 'x', 'export const nothing = 1\n')
    install('node_modules/odd', 'odd', 'x', 'export const plugin = { name: "Odd Name" }\n')
    install('node_modules/z-twin', 'z-twin', 'good')
    const { plugins, broken } = await loadPlugins([root])
    expect(plugins.map(({ plugin }) => plugin.name)).toEqual(['good'])
    expect(Object.fromEntries(broken.map(({ name, reason }) => [name, reason.replaceAll(root, '')]))).toEqual({
      empty: '/node_modules/empty/plugin.js: the module exports no "plugin". Tell the authors of the package.',
      odd: expect.stringContaining('/node_modules/odd/plugin.js: plugin.name is not what a plugin has'),
      throws: 'no luck',
      'z-twin': 'its model is called good, as that of good, which was found first.',
    })
  })

  it('refuses a package that would bring a second core', async () => {
    install('project/node_modules/thing', 'thing', 'thing')
    for (const folder of ['project/node_modules/@babble/core', 'tool/node_modules/@babble/core']) {
      write(`${folder}/package.json`, { name: '@babble/core', version: '1.0.0' })
    }
    write('tool/package.json', { name: 'tool' })
    const { plugins, broken } = await loadPlugins([join(root, 'project')], join(root, 'tool'))
    expect(plugins).toEqual([])
    expect(broken[0]!.reason.replaceAll(root, '')).toBe(
      'it uses the @babble/core in /project/node_modules/@babble/core, but this program the one in /tool/node_modules/@babble/core. ' +
        'Install this program in the same project as the package, or bring both to the same version of @babble/core.',
    )
    write('project/package.json', { name: 'project' })
    expect((await loadPlugins([join(root, 'project')], join(root, 'project'))).plugins).toHaveLength(1)
  })

  it('finds by name and by model_type, or says what to install', async () => {
    install('node_modules/good', 'good', 'good')
    write('node_modules/@babble/hubert/package.json', { name: '@babble/hubert', babble: { plugin: './none.js' } })
    const installed = await loadPlugins([root])
    expect(pluginNamed('good', installed).name).toBe('good')
    expect(pluginForModelType('good', installed).name).toBe('good')
    const message = (find: () => unknown) => {
      try {
        find()
      } catch (error) {
        expect(error).toBeInstanceOf(PluginError)
        return (error as Error).message
      }
      return undefined
    }
    expect(message(() => pluginNamed('speecht5', installed))).toBe(
      'there is no model "speecht5" here. Install its package: npm install @babble/speecht5',
    )
    expect(message(() => pluginNamed('mine', installed))).toBe(
      'there is no model "mine" here. Installed: good. Install the package that has it: npm install <package>',
    )
    expect(message(() => pluginNamed('hubert', installed))).toBe(
      'there is no model "hubert" here. @babble/hubert cannot be used: babble.plugin is ./none.js, which is not there. Has the package been built?',
    )
    expect(message(() => pluginForModelType('wav2vec2', installed, 'm/config.json'))).toBe(
      'm/config.json: no installed package reads model_type "wav2vec2". Install its package: npm install @babble/wav2vec2',
    )
  })
})

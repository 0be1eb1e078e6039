import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CheckpointError } from '../../errors'
import { countAllocations, damagedCopies } from '../hostile.fixture'
import { readSafetensors } from '../safetensors'
import { readAll } from '../tensor-source'
import { MemorySource } from './byte-source'
import { tensorPickle, torchFileOf, zipOf } from './hostile-torch.fixture'
import { PickleRecord, type PickleValue, TorchTensor } from './pickle-values'
import { toPlain } from './plain'
import { TorchFile, type TorchFileOptions } from './torch-file'
import { TorchFileError } from './torch-file-error'
import { ZipArchive } from './zip'

const fixtures = fileURLToPath(new URL('../../../fixtures/torch-files/', import.meta.url))

// biome-ignore lint/suspicious/noTemplateCurlyInString: omegaconf writes a reference so.
const reference = '${task.normalize}'

const refusal = (bytes: Uint8Array, options?: TorchFileOptions): TorchFileError => {
  try {
    TorchFile.parse(bytes, 'x.pt', options)
  } catch (error) {
    expect(error).toBeInstanceOf(TorchFileError)
    expect(error).toBeInstanceOf(CheckpointError)
    expect((error as TorchFileError).file).toBe('x.pt')
    return error as TorchFileError
  }
  throw new Error('the file was accepted')
}

describe('what torch.save writes', () => {
  it.each(['zip.pt', 'zip64.pt', 'legacy.pt', 'protocol3.pt', 'protocol4.pt', 'protocol5.pt'])(
    '%s has the tensors that Python sees',
    async (name) => {
      const { tensors: expected } = await readSafetensors(join(fixtures, 'expected.safetensors'))
      await using source = (await TorchFile.open(join(fixtures, name))).tensors()
      const actual = await readAll(source)
      expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort())
      for (const [key, { dtype, shape, data }] of expected) {
        expect({ ...actual.get(key)!, data: [...actual.get(key)!.data] }, key).toEqual({
          dtype,
          shape,
          data: [...data],
        })
      }
    },
  )

  it('has the types that are stored by another route', async () => {
    await using source = (await TorchFile.open(join(fixtures, 'newer-types.pt'))).tensors()
    expect(await source.read('unsigned')).toEqual({ dtype: 'U16', shape: [2], data: Uint16Array.of(65535, 1) })
    expect(await source.read('float8')).toEqual({ dtype: 'F8_E4M3', shape: [2], data: Uint8Array.of(0x38, 0xc0) })
    await expect(source.read('none')).rejects.toThrow("There is no tensor 'none'")
  })

  it.each(['objects-protocol2.pt', 'objects-protocol4.pt'])(
    '%s has the objects of a fairseq checkpoint',
    async (name) => {
      await using file = await TorchFile.open(join(fixtures, name))
      const plain = toPlain(file.value) as Record<string, never>
      expect(plain).toMatchObject({
        cfg: {
          task: { normalize: true, labels: null, data: '???' },
          model: { normalize: reference, lr: [0.5, 2], name: 'wav2vec2' },
        },
        args: { conv_bias: false, betas: [0.9, 0.98], text: 'é漢', big: 2n ** 70n, negative: -(2 ** 40) },
        choice: 'default',
        task_state: { target_dictionary: { symbols: ['<s>', '<pad>', '</s>', '<unk>', '|', 'E'], indices: { E: 5 } } },
        extra_state: { meter: { sum: 2.5, round: 3 }, best: 1.25, ids: { dtype: 'I64', shape: [2, 3] } },
        set: [1, 2],
        frozen: ['a'],
        bytes: Uint8Array.of(0, 255),
        nothing: null,
        floats: [1e300, Number.POSITIVE_INFINITY, -0],
        default: { a: [1] },
        device: 'cpu',
        size: [2, 3],
        dtype: 'torch.float32',
        nested: [[1, [2, [3, { four: 4 }]]]],
      })
      const state = (file.value as Map<string, PickleValue>).get('task_state') as Map<string, PickleValue>
      const dictionary = state.get('target_dictionary') as PickleRecord
      expect(dictionary).toBeInstanceOf(PickleRecord)
      expect(dictionary.type.path).toBe('fairseq.data.dictionary.Dictionary')
    },
  )

  it('reads the containers of the omegaconf that fairseq asks for', async () => {
    await using file = await TorchFile.open(join(fixtures, 'omegaconf-2.0.pt'))
    expect(toPlain(file.value)).toEqual({
      cfg: {
        task: { normalize: true, labels: null, data: '???' },
        model: { normalize: reference, lr: [0.5, 2], name: 'wav2vec2' },
      },
    })
  })

  it('names what holds no tensors by name', async () => {
    await using file = await TorchFile.open(join(fixtures, 'objects-protocol2.pt'))
    expect(() => file.tensors()).toThrow("'cfg' of what was saved is not a tensor")
    expect(() => file.tensors(['model'])).toThrow("'model' is not a dict")
  })
})

describe('files that would run code in Python', () => {
  it.each([
    ['os-system', 'posix.system'],
    ['eval', 'eval'],
    ['getattr', 'getattr'],
    ['nested', 'torch.storage._load_from_bytes'],
  ])('%s is refused by name, and nothing runs', async (attack, name) => {
    for (const protocol of [2, 4]) {
      const path = join(fixtures, `attack-${attack}-protocol${protocol}.pt`)
      const error = await TorchFile.open(path).catch((e: unknown) => e)
      expect(error).toMatchObject({ fault: 'forbidden-global', file: path, field: expect.stringContaining(name) })
      // Kept as data when asked for, with nothing done.
      await using file = await TorchFile.open(path, { unknownGlobals: 'record' })
      const record = (file.value as Map<string, PickleValue>).get('model') as PickleRecord
      expect(record).toBeInstanceOf(PickleRecord)
      expect(record.type.name).toBe(name.split('.').at(-1))
      expect(typeof record.args[0] === 'function').toBe(false)
    }
    expect(existsSync('babble-was-here')).toBe(false)
  })

  it.each([
    ['REDUCE of os.system', 'cos\nsystem\n(X\x02\0\0\0lstR.', 'forbidden-global'],
    [
      'a name put together on the stack',
      '\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x031+1\x85R.',
      'forbidden-global',
    ],
    ['a dotted name', '\x80\x04\x8c\x05torch\x8c\x0bSize.mro.fn\x93.', 'forbidden-global'],
    ['__reduce__ of an object', 'csubprocess\nPopen\n(X\x02\0\0\0lstR.', 'forbidden-global'],
    ['NEWOBJ of a module', '\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81.', 'forbidden-global'],
    ['INST', '(S"ls"\nios\nsystem\n.', 'bad-opcode'],
    ['OBJ', '(cargparse\nNamespace\no.', 'bad-opcode'],
    ['extension codes', '\x82\x01.', 'bad-opcode'],
    ['buffers from outside', '\x97.', 'bad-opcode'],
    ['a call of text', 'X\x02\0\0\0ls)R.', 'bad-arguments'],
    ['a call of the result of a call', 'ccollections\nOrderedDict\n)R)R.', 'bad-arguments'],
    [
      'a class with one name and another base',
      'ccopyreg\n_reconstructor\n(cargparse\nNamespace\nctorch\nSize\nNtR.',
      'bad-arguments',
    ],
    ['a type made of a value', 'cbuiltins\ntype\nX\x01\0\0\0a\x85R.', 'bad-arguments'],
    ['an allowed class called', 'cbuiltins\nint\nX\x01\0\0\x001\x85R.', 'bad-arguments'],
    ['another codec', 'c_codecs\nencode\nX\x01\0\0\0aX\x03\0\0\0hex\x86R.', 'bad-arguments'],
    ['annotations of something else', 'c_operator\ngetitem\n}K\x00\x86R.', 'bad-arguments'],
    ['an OrderedDict of numbers', 'ccollections\nOrderedDict\n(K\x01K\x02l\x85R.', 'bad-arguments'],
    ['state of a name', 'ctorch\nSize\n}b.', 'bad-arguments'],
  ])('%s', (_, pickle, fault) => {
    expect(refusal(torchFileOf(pickle)).fault).toBe(fault)
  })

  it('keeps attributes called __proto__ and constructor as data', () => {
    const file = TorchFile.parse(torchFileOf('}(X\t\0\0\0__proto__}X\x03\0\0\0badK\x01sX\x0b\0\0\0constructorK\x02u.'))
    const plain = toPlain(file.value) as object
    expect(Object.keys(plain)).toEqual(['__proto__', 'constructor'])
    expect(({} as { bad?: number }).bad).toBeUndefined()
    expect(Object.getPrototypeOf(plain)).toBe(null)
  })
})

describe('pickles that are damaged or want too much', () => {
  const le = (value: bigint, bytes: number) =>
    String.fromCharCode(...Array.from({ length: bytes }, (_, i) => Number((value >> BigInt(8 * i)) & 255n)))

  it.each([
    ['nothing', '', 'truncated'],
    ['no end', '}', 'truncated'],
    ['an unknown instruction', '\xff', 'bad-opcode'],
    ['protocol 6', '\x80\x06.', 'bad-pickle'],
    ['an empty stack', '.', 'bad-pickle'],
    ['what lies under a mark', 'K\x01(.', 'bad-pickle'],
    ['no mark', 't.', 'bad-pickle'],
    ['a memo entry that is not there', 'h\x05.', 'bad-pickle'],
    ['text longer than the file', 'X\xff\xff\xff\xffab.', 'truncated'],
    ['text of 2^60 bytes', `\x8d${le(2n ** 60n, 8)}ab.`, 'truncated'],
    ['bytes of 2^63 bytes', `\x8e${le(2n ** 63n, 8)}ab.`, 'truncated'],
    ['a byte array past the end', `\x96${le(100n, 8)}ab.`, 'truncated'],
    ['a frame past the end', `\x80\x04\x95${le(1000n, 8)}N.`, 'truncated'],
    ['a number of 4 GiB', '\x8b\xff\xff\xff\xff.', 'bad-pickle'],
    ['a number of 2,000 digits', `I${'9'.repeat(2000)}\n.`, 'bad-pickle'],
    ['a number that is none', 'F1e\n.', 'bad-pickle'],
    ['text that is not UTF-8', 'X\x01\0\0\0\xff.', 'bad-pickle'],
    ['a name without end', `c${'a'.repeat(10_000)}`, 'bad-pickle'],
    ['appending to a dict', '}K\x01a.', 'bad-pickle'],
    ['half a pair', '}(K\x01u.', 'bad-pickle'],
    ['pairs in a list', '](K\x01K\x02u.', 'bad-pickle'],
    [
      'a storage that is not there',
      `${tensorPickle(4, 0, [4], [1]).replace('X\x01\0\0\x000', 'X\x01\0\0\x009')}.`,
      'bad-storage',
    ],
    ['a storage of another size', `${tensorPickle(5, 0, [4], [1])}.`, 'bad-storage'],
    ['a reference to text', 'X\x01\0\0\x000Q.', 'bad-storage'],
    ['a tensor past its storage', `${tensorPickle(4, 1, [4], [1])}.`, 'bad-tensor'],
    ['strides past the storage', `${tensorPickle(4, 0, [2, 2], [3, 1])}.`, 'bad-tensor'],
    ['sizes that overflow', `${tensorPickle(4, 0, Array(9).fill(2 ** 30), Array(9).fill(0))}.`, 'bad-tensor'],
    ['an empty tensor past its storage', `${tensorPickle(4, 5, [0], [1])}.`, 'bad-tensor'],
    ['more sizes than strides', `${tensorPickle(4, 0, [2, 2], [1])}.`, 'bad-tensor'],
    ['a negative stride', `${tensorPickle(4, 3, [4], [-1])}.`, 'bad-arguments'],
    ['a hundred axes', `${tensorPickle(4, 0, Array(100).fill(1), Array(100).fill(1))}.`, 'bad-arguments'],
    [
      'a complex storage',
      `${tensorPickle(4, 0, [4], [1]).replace('FloatStorage', 'ComplexFloatStorage')}.`,
      'forbidden-global',
    ],
  ])('%s', (_, pickle, fault) => {
    expect(refusal(torchFileOf(pickle, { 0: new Uint8Array(16) })).fault).toBe(fault)
  })

  it('a tensor that repeats one number a billion times is not made', async () => {
    const bytes = torchFileOf(`}X\x01\0\0\0w${tensorPickle(4, 0, [1000, 1000, 1000], [0, 0, 0])}s.`, {
      0: new Uint8Array(16),
    })
    const source = TorchFile.parse(bytes, 'x.pt').tensors()
    await expect(source.read('w')).rejects.toMatchObject({ fault: 'bad-tensor', file: 'x.pt' })
  })

  it('nesting a million levels deep is read and is refused as settings', () => {
    const file = TorchFile.parse(torchFileOf(`${']'.repeat(1_000_000)}${'a'.repeat(999_999)}.`), 'x.pt')
    expect(() => toPlain(file.value, 'x.pt')).toThrow('nest more than 100 levels deep')
  })

  it('a list that contains itself is read and is refused as settings', () => {
    const file = TorchFile.parse(torchFileOf(']q\x00h\x00a.'), 'x.pt')
    expect((file.value as PickleValue[])[0]).toBe(file.value)
    expect(() => toPlain(file.value, 'x.pt')).toThrow('contain themselves')
  })

  it('a billion laughs cost nothing to read and are refused as settings', () => {
    // Each list holds the one before ten times: a billion values after nine of them.
    const lists = Array.from({ length: 12 }, () => `(${'h\x00'.repeat(10)}lq\x00`).join('')
    const file = TorchFile.parse(torchFileOf(`X\x03\0\0\0lolq\x00${lists}.`), 'x.pt')
    expect(() => toPlain(file.value, 'x.pt')).toThrow('repeat to more than 1000000 values')
  })

  it.each([
    ['dicts', '}'],
    ['memo entries', `N${'\x94'.repeat(64)}`],
    ['records', `cargparse\nNamespace\nq\x00${'h\x00)\x81'.repeat(100)}`],
  ])('millions of %s are more than the memory limit', (_, part) => {
    const pickle = part.repeat(Math.ceil(2_000_000 / part.length))
    expect(refusal(torchFileOf(`${pickle}.`)).fault).toBe('too-much-memory')
  })

  // A value that is remembered costs two bytes to name again, and a call may copy all of it.
  const list = `](${Array.from({ length: 50_000 }, (_, i) => `J${le(BigInt(i), 4)}`).join('')}eq\x00`
  const text = `X${le(65_536n, 4)}${'a'.repeat(65_536)}q\x00`
  it.each([
    ['sets', `${list}cbuiltins\nset\nq\x01${'h\x01h\x00\x85R'.repeat(100)}`],
    [
      'dicts',
      `](N\x85N\x86eq\x00`.replace('N\x85N\x86', 'KAKB\x86'.repeat(50_000)) +
        `ccollections\nOrderedDict\nq\x01${'h\x01h\x00\x85R'.repeat(100)}`,
    ],
    ['bytes', `${text}c_codecs\nencode\nq\x01${'h\x01h\x00X\x06\0\0\0latin1\x86R'.repeat(2000)}`],
    ['paths, each twice as long', `${text}${'cpathlib\nPath\nh\x00h\x00\x86Rq\x00'.repeat(11)}`],
    [
      'arrays',
      `c_codecs\nencode\n${text}X\x06\0\0\0latin1\x86Rq\x00cnumpy\ndtype\nX\x02\0\0\0u1\x85Rq\x01` +
        `cnumpy.core.multiarray\n_reconstruct\nq\x02${`h\x02)R(K\x01J${le(65_536n, 4)}\x85h\x01\x89h\x00tb`.repeat(2000)}`,
    ],
    [
      'items of one set',
      `\x8fq\x00(${Array.from({ length: 3_000_000 }, (_, i) => `M${le(BigInt(i % 65_536), 2)}`).join('')}\x90`,
    ],
  ])('copies of one value that add up: %s', (_, pickle) => {
    expect(refusal(torchFileOf(`${pickle}.`)).fault).toBe('too-much-memory')
  })

  // A tuple of two of the tuple before: as text, it would be longer than any memory.
  const laughs = `)q\x00${'0h\x00h\x00\x86q\x00'.repeat(60)}`
  it('a name that is no text is not written out', () => {
    const file = TorchFile.parse(torchFileOf(`}${laughs}Ns.`), 'x.pt')
    expect(() => file.tensors()).toThrow('A name of what was saved is no text')
  })

  it('sizes that are no numbers are not written out', () => {
    const array = `cnumpy.core.numeric\n_frombuffer\n(C\x01acnumpy\ndtype\nX\x02\0\0\0u1\x85R${laughs}\x85X\x01\0\0\0CtR.`
    expect(refusal(torchFileOf(array)).fault).toBe('unsupported-tensor')
  })

  it('a version that is no number is not written out', () => {
    const magic = '\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.'
    expect(refusal(Buffer.from(`${magic}${laughs}.`, 'latin1')).fault).toBe('bad-storage')
  })

  it('keys that settings leave out are counted too', () => {
    // A thousand times a dict of a few thousand keys that are tuples.
    const dict = `}(${'K\x01\x85N'.repeat(4000)}u`
    const file = TorchFile.parse(torchFileOf(`](${dict}q\x00${'h\x00'.repeat(1000)}e.`), 'x.pt')
    expect(() => toPlain(file.value, 'x.pt')).toThrow('repeat to more than 1000000 values')
  })
})

describe('archives that are damaged', () => {
  const good = { 'archive/data.pkl': Buffer.from('}.'), 'archive/data/0': new Uint8Array(16) }
  const changed = (at: number, ...values: number[]) => {
    const bytes = Uint8Array.from(zipOf(good))
    bytes.set(values, at < 0 ? bytes.length + at : at)
    return bytes
  }
  const directoryAt = zipOf(good).length - 22 - 2 * 46 - 'archive/data.pkl'.length - 'archive/data/0'.length

  it.each([
    ['text', new TextEncoder().encode('hello, world'), 'not-a-torch-file'],
    ['nothing', new Uint8Array(0), 'not-a-torch-file'],
    ['an archive without its end', zipOf(good).subarray(0, -30), 'bad-zip'],
    ['no pickle', zipOf({ 'archive/x': new Uint8Array(1) }), 'not-a-torch-file'],
    ['two pickles', zipOf({ 'a/data.pkl': new Uint8Array(1), 'b/data.pkl': new Uint8Array(1) }), 'not-a-torch-file'],
    [
      'one name twice',
      zipOf([
        ['a/data.pkl', new Uint8Array(1)],
        ['a/data.pkl', new Uint8Array(1)],
      ]),
      'bad-zip',
    ],
    ['big-endian numbers', zipOf({ ...good, 'archive/byteorder': Buffer.from('big') }), 'big-endian'],
    ['more entries than there are', changed(-14, 3, 0, 3, 0), 'bad-zip'],
    ['several disks', changed(-18, 1), 'bad-zip'],
    ['a directory past the end', changed(-6, 255, 255, 255), 'bad-zip'],
    ['a compressed pickle', changed(directoryAt + 10, 8), 'compressed'],
    ['an encrypted pickle', changed(directoryAt + 8, 1), 'compressed'],
    ['an entry on top of another', changed(directoryAt + 46 + 16 + 42, 0), 'bad-zip'],
    ['another name before the data', changed(30, 0x62), 'bad-zip'],
    ['a flipped bit', changed(30 + 'archive/data.pkl'.length, 0x5d), 'checksum'],
  ])('%s', (_, bytes, fault) => {
    expect(refusal(bytes).fault).toBe(fault)
  })

  it('checks a tensor when it is read, unless told not to', async () => {
    const path = join(fixtures, 'zip.pt')
    const bytes = await readFile(path)
    const at = bytes.indexOf(Uint8Array.from(new Uint8Array(Float32Array.of(0.125, 0.25).buffer)))
    bytes[at] = bytes[at]! ^ 1
    const read = (options: TorchFileOptions) => TorchFile.parse(bytes, 'x.pt', options).tensors().read('rows')
    await expect(read({})).rejects.toMatchObject({ fault: 'checksum', file: 'x.pt' })
    await expect(read({ checksums: false })).resolves.toBeDefined()
  })

  it('names a file that is missing, and a folder', async () => {
    await expect(TorchFile.open(join(fixtures, 'none.pt'))).rejects.toThrow('There is no such file.')
    await expect(TorchFile.open(fixtures)).rejects.toThrow('This is not a file.')
  })
})

describe('10,000 damaged files', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'torch-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('are read or refused with a typed error that names the file, and cost at most twice their size', async () => {
    const names = (await readdir(fixtures)).filter((name) => name.endsWith('.pt'))
    const originals = await Promise.all(names.map((name) => readFile(join(fixtures, name))))
    const words = [
      'cos\nsystem\n',
      'R',
      '.',
      '(',
      't',
      '}',
      ']',
      'Q',
      'b',
      '\x81',
      '\x93',
      'h\x01',
      'q\x01',
      'X\xff\xff\xff\x7f',
      'PK\x01\x02',
      'PK\x05\x06',
    ]
    const path = join(folder, 'damaged.pt')
    const outcomes = new Map<string, number>()
    const allocations = countAllocations()
    let worst = 0
    try {
      let left = 10_000
      for (const bytes of damagedCopies(originals, 2, words)) {
        if (left-- === 0) break
        const onDisk = left % 20 === 0
        if (onDisk) await writeFile(path, bytes)
        // Checksums would hide most of the damage from the pickle machine.
        const options = { checksums: left % 4 === 0 }
        const measured = async <T>(run: () => T | Promise<T>): Promise<T> => {
          allocations.reset()
          try {
            return await run()
          } finally {
            worst = Math.max(worst, allocations.bytes() / Math.max(64, bytes.length))
          }
        }
        let outcome = 'read'
        try {
          await using file = await measured(() =>
            onDisk ? TorchFile.open(path, options) : TorchFile.parse(bytes, path, options),
          )
          await measured(() => toPlain(file.value, path))
          const values = file.value instanceof Map ? [...file.value.values()] : []
          for (const tensor of values) if (tensor instanceof TorchTensor) await measured(() => file.read(tensor))
        } catch (error) {
          if (!(error instanceof TorchFileError)) throw error
          if (error.file !== path) throw new Error('the error does not name the file')
          outcome = error.fault
        }
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      }
    } finally {
      allocations.stop()
    }
    if (process.env.BABBLE_REPORT_ERRORS) console.log(`allocated at most ${worst.toFixed(2)} times the file`, outcomes)
    expect(worst).toBeLessThanOrEqual(2)
    for (const outcome of [
      'read',
      'bad-zip',
      'truncated',
      'bad-opcode',
      'bad-pickle',
      'forbidden-global',
      'bad-storage',
      'bad-tensor',
      'checksum',
    ]) {
      expect(outcomes.get(outcome) ?? 0, outcome).toBeGreaterThan(0)
    }
    expect(existsSync('babble-was-here')).toBe(false)
  })

  it('and 10,000 damaged pickles in good archives', async () => {
    const names = (await readdir(fixtures)).filter((name) => /^(objects|attack|protocol)/.test(name))
    const pickles: Uint8Array[] = []
    for (const name of names) {
      const source = new MemorySource(await readFile(join(fixtures, name)), name)
      const archive = ZipArchive.open(source)
      const entry = [...archive.entries.values()].find((one) => one.name.endsWith('/data.pkl'))!
      pickles.push(source.view(archive.locate(entry), entry.size))
    }
    const words = ['cos\nsystem\n', 'R', '(', 't', '}', ']', 'Q', 'b', 'u', 'e', '0', '2', '\x8c\x04eval', '\x93']
    const outcomes = new Map<string, number>()
    const allocations = countAllocations()
    let worst = 0
    try {
      let left = 10_000
      for (const pickle of damagedCopies(pickles, 3, words)) {
        if (left-- === 0) break
        const bytes = torchFileOf(pickle, { 0: new Uint8Array(96), 1: new Uint8Array(96) })
        allocations.reset()
        let outcome = 'read'
        try {
          toPlain(
            TorchFile.parse(bytes, 'x.pt', { unknownGlobals: left % 2 === 0 ? 'record' : 'refuse' }).value,
            'x.pt',
          )
        } catch (error) {
          if (!(error instanceof TorchFileError)) throw error
          if (error.file !== 'x.pt') throw new Error('the error does not name the file')
          outcome = error.fault
        }
        worst = Math.max(worst, allocations.bytes() / bytes.length)
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      }
    } finally {
      allocations.stop()
    }
    if (process.env.BABBLE_REPORT_ERRORS) console.log(`allocated at most ${worst.toFixed(2)} times the file`, outcomes)
    expect(worst).toBeLessThanOrEqual(2)
    for (const outcome of [
      'read',
      'truncated',
      'bad-opcode',
      'bad-pickle',
      'bad-arguments',
      'forbidden-global',
      'bad-storage',
    ]) {
      expect(outcomes.get(outcome) ?? 0, outcome).toBeGreaterThan(0)
    }
    expect(existsSync('babble-was-here')).toBe(false)
  })
})

import { wheels } from '@babble/tfjs-backend-xla'

/** `cpu` is `@tensorflow/tfjs-node`, `gpu` is `@tensorflow/tfjs-node-gpu` (NVIDIA, CUDA 12). */
export type TfjsNodeVariant = 'cpu' | 'gpu'

/** A tarball of the npm registry, by its hash: another one of the same version is refused. */
export interface NpmPackage {
  readonly name: string
  readonly version: string
  /** As npm writes it: the hash's name, a dash, the hash in base64. */
  readonly integrity: string
}

/** What one variant is made of. */
export interface TfjsNodeParts {
  /** Kernels in JavaScript and the addon's C++ sources. */
  readonly package: NpmPackage
  /** TensorFlow's wheel first, then those of the libraries that it opens at run time. */
  readonly wheels: readonly wheels.Wheel[]
}

/** The version of TensorFlow.js whose addon is built: the last one published. */
export const TFJS_NODE_VERSION = '4.22.0'
/** The version of TensorFlow that it is built against. */
export const TENSORFLOW_VERSION = '2.21.0'
/** Version of Node-API that the addon is compiled for: an addon for 8 loads in every Node since 15.12. */
export const NAPI_VERSION = 8

/** The platform of the wheels that were tried. */
export const TARGET = 'linux-x64'
/** The oldest glibc that they run with. */
export const GLIBC = [2, 27] as const

const LIBRARIES = ['tensorflow/libtensorflow_cc.so.2', 'tensorflow/libtensorflow_framework.so.2']

/** The headers that the addon's sources include, of the 13,000 in the wheel. */
const HEADERS = [
  'tensorflow/c/c_api.h',
  'tensorflow/c/c_api_macros.h',
  'tensorflow/c/eager/c_api.h',
  'tensorflow/c/tf_attrtype.h',
  'tensorflow/c/tf_buffer.h',
  'tensorflow/c/tf_datatype.h',
  'tensorflow/c/tf_status.h',
  'tensorflow/c/tf_tensor.h',
  'tensorflow/c/tf_tstring.h',
  'tensorflow/core/platform/ctstring.h',
  'tensorflow/core/platform/ctstring_internal.h',
  'tsl/platform/ctstring.h',
  'tsl/platform/ctstring_internal.h',
  'xla/tsl/c/tsl_status.h',
].map((header) => `tensorflow/include/${header}`)

/** The files of TensorFlow's wheel that are kept; the libraries find each other at these very paths. */
export const TENSORFLOW_FILES: readonly string[] = [...LIBRARIES, ...HEADERS]

/** NVIDIA's libraries, and the compiler that TensorFlow starts for kernels it has no machine code of. */
export const CUDA_FILES = /^nvidia\/([^/]+\/lib\/[^/]+\.so[.\d]*|cuda_nvcc\/(bin\/ptxas|nvvm\/libdevice\/[^/]+))$/

export const PARTS: Readonly<Record<TfjsNodeVariant, TfjsNodeParts>> = {
  cpu: {
    package: {
      name: '@tensorflow/tfjs-node',
      version: TFJS_NODE_VERSION,
      integrity: 'sha512-uHrXeUlfgkMxTZqHkESSV7zSdKdV0LlsBeblqkuKU9nnfxB1pC6DtoyYVaLxznzZy7WQSegjcohxxCjAf6Dc7w==',
    },
    wheels: [
      {
        name: 'tensorflow-cpu',
        version: TENSORFLOW_VERSION,
        [TARGET]: {
          tag: 'manylinux_2_27_x86_64',
          sha256: '05af7c26d35f4de910b5598c7b507e3981831a7b0f47fed9a405d995d51d7793',
          bytes: 274271560,
          unpacked: 853308936,
        },
      },
    ],
  },
  gpu: {
    package: {
      name: '@tensorflow/tfjs-node-gpu',
      version: TFJS_NODE_VERSION,
      integrity: 'sha512-p//NN6DGiN4hInUmIkRffaFVMcdTREUMjPyjW04J7OXvB2zBlQimj61eFKSgRrH3f5TnOfKzb0n56he/B6a4bw==',
    },
    wheels: [
      {
        name: 'tensorflow',
        version: TENSORFLOW_VERSION,
        [TARGET]: {
          tag: 'manylinux_2_27_x86_64',
          sha256: 'e9d8da8dcab9650efb45f032ba70af2f016f907e6e0c6bda29dd101bba945406',
          bytes: 572881074,
          unpacked: 1259021080,
        },
      },
      // The libraries of CUDA 12 that the wheel's `and-cuda` extra names and this TensorFlow opens, at the versions that the
      // xla backend's plugin for CUDA 12 is installed with.
      ...wheels.CUDA12.filter(({ name }) => name.startsWith('nvidia-') && !name.includes('nvshmem')),
    ],
  },
}

/** The messages that the kernels' JavaScript loads; without dependencies of its own. */
export const PROTOBUF: NpmPackage = {
  name: 'google-protobuf',
  version: '3.21.4',
  integrity: 'sha512-MnG7N936zcKTco4Jd2PX2U96Kf9PxygAPKBug+74LHzmHXmceN16MmRcdgZv+DGef/S9YvQAfRsNCn4cjf9yyQ==',
}

/** Node-API's headers: the ones of an installed Node are not always there, and an addon needs no others. */
export const NODE_HEADERS: NpmPackage = {
  name: 'node-api-headers',
  version: '1.9.0',
  integrity: 'sha512-2oNILP4jXwRB4ywnYKjVk1YyJ96n2D4EOVJO6S3oYZ5PtbJrw3Yt9TpAuX3nBLMuzn74rnfGQrv13pS9vC+YiA==',
}

import type { Wheel } from '../wheel'

/** XLA's plugin for CUDA 12, and the libraries that `jax-cuda12-plugin[with-cuda]` names, as CUDA Toolkit 12.9.1 has them. */
export const CUDA12: readonly Wheel[] = [
  {
    name: 'jax-cuda12-pjrt',
    version: '0.12.0.1',
    'linux-x64': {
      tag: 'manylinux_2_27_x86_64',
      sha256: '5ec28e06198d094031c37590b4ea753ae8cde4879ab4b60baf40f0dffb673286',
      bytes: 191846358,
      unpacked: 486596950,
    },
    'linux-arm64': {
      tag: 'manylinux_2_27_aarch64',
      sha256: 'e6aa6c58c5420c1bda22db31a2f6c5c1d0a66cb701eeb731feae44fef197717c',
      bytes: 185765557,
      unpacked: 466356230,
    },
  },
  {
    name: 'nvidia-cublas-cu12',
    version: '12.9.1.4',
    'linux-x64': {
      tag: 'manylinux_2_27_x86_64',
      sha256: '453611eb21a7c1f2c2156ed9f3a45b691deda0440ec550860290dc901af5b4c2',
      bytes: 581242350,
      unpacked: 855161673,
    },
    'linux-arm64': {
      tag: 'manylinux_2_27_aarch64',
      sha256: '7a950dae01add3b415a5a5cdc4ec818fb5858263e9cca59004bb99fdbbd3a5d6',
      bytes: 575006342,
      unpacked: 819868953,
    },
  },
  {
    name: 'nvidia-cuda-cupti-cu12',
    version: '12.9.79',
    'linux-x64': {
      tag: 'manylinux_2_25_x86_64',
      sha256: '096bcf334f13e1984ba36685ad4c1d6347db214de03dbb6eebb237b41d9d934f',
      bytes: 10814997,
      unpacked: 43426784,
    },
    'linux-arm64': {
      tag: 'manylinux_2_25_aarch64',
      sha256: '791853b030602c6a11d08b5578edfb957cadea06e9d3b26adbf8d036135a4afe',
      bytes: 10077166,
      unpacked: 41330752,
    },
  },
  {
    name: 'nvidia-cuda-nvcc-cu12',
    version: '12.9.86',
    'linux-x64': {
      tag: 'manylinux2010_x86_64',
      sha256: '5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0',
      bytes: 40546229,
      unpacked: 98059709,
    },
    'linux-arm64': {
      tag: 'manylinux2014_aarch64',
      sha256: '44e1eca4d08926193a558d2434b1bf83d57b4d5743e0c431c0c83d51da1df62b',
      bytes: 39411138,
      unpacked: 90290653,
    },
  },
  {
    name: 'nvidia-cuda-runtime-cu12',
    version: '12.9.79',
    'linux-x64': {
      tag: 'manylinux2014_x86_64',
      sha256: '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3',
      bytes: 3493179,
      unpacked: 802058,
    },
    'linux-arm64': {
      tag: 'manylinux2014_aarch64',
      sha256: '83469a846206f2a733db0c42e223589ab62fd2fabac4432d2f8802de4bded0a4',
      bytes: 3515012,
      unpacked: 813738,
    },
  },
  {
    name: 'nvidia-cudnn-cu12',
    version: '9.21.1.3',
    'linux-x64': {
      tag: 'manylinux_2_27_x86_64',
      sha256: 'ffd5bf372071423c441f1de01af35abd6b6f3921a8ab80b23db8ba69a12131b0',
      bytes: 704835470,
      unpacked: 1116306854,
    },
    'linux-arm64': {
      tag: 'manylinux_2_27_aarch64',
      sha256: '8f8bf4d0f942bc9c3a501cc990dbc2397e2dfbe4af8d3f2984fab14aa7a606e2',
      bytes: 759361824,
      unpacked: 1216402734,
    },
  },
  {
    name: 'nvidia-cufft-cu12',
    version: '11.4.1.4',
    'linux-x64': {
      tag: 'manylinux2014_x86_64',
      sha256: 'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28',
      bytes: 200877592,
      unpacked: 293670442,
    },
    'linux-arm64': {
      tag: 'manylinux2014_aarch64',
      sha256: '1a28c9b12260a1aa7a8fd12f5ebd82d027963d635ba82ff39a1acfa7c4c0fbcf',
      bytes: 200822453,
      unpacked: 287119042,
    },
  },
  {
    name: 'nvidia-cusolver-cu12',
    version: '11.7.5.82',
    'linux-x64': {
      tag: 'manylinux_2_27_x86_64',
      sha256: '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88',
      bytes: 338117415,
      unpacked: 495036176,
    },
    'linux-arm64': {
      tag: 'manylinux_2_27_aarch64',
      sha256: '62efa83e4ace59a4c734d052bb72158e888aa7b770e1a5f601682f16fe5b4fd2',
      bytes: 337869834,
      unpacked: 489142616,
    },
  },
  {
    name: 'nvidia-cusparse-cu12',
    version: '12.5.10.65',
    'linux-x64': {
      tag: 'manylinux2014_x86_64',
      sha256: '73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78',
      bytes: 366465088,
      unpacked: 486617405,
    },
    'linux-arm64': {
      tag: 'manylinux2014_aarch64',
      sha256: '221c73e7482dd93eda44e65ce567c031c07e2f93f6fa0ecd3ba876a195023e83',
      bytes: 366359408,
      unpacked: 481900253,
    },
  },
  {
    name: 'nvidia-nccl-cu12',
    version: '2.29.7',
    'linux-x64': {
      tag: 'manylinux_2_18_x86_64',
      sha256: 'ecd0a012051abc20c1aa87328841efa8cade3ced65803046e38c2f03c0891fea',
      bytes: 293633942,
      unpacked: 401012688,
    },
    'linux-arm64': {
      tag: 'manylinux_2_18_aarch64',
      sha256: '0cf032ee22b560447daf0456108a75e32bd74a4de6c6b64725637a359fa48cd8',
      bytes: 293563644,
      unpacked: 402369872,
    },
  },
  {
    name: 'nvidia-nvjitlink-cu12',
    version: '12.9.86',
    'linux-x64': {
      tag: 'manylinux2010_x86_64',
      sha256: 'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9',
      bytes: 39748338,
      unpacked: 95996325,
    },
    'linux-arm64': {
      tag: 'manylinux2014_aarch64',
      sha256: '994a05ef08ef4b0b299829cde613a424382aff7efb08a7172c1fa616cc3af2ca',
      bytes: 39514880,
      unpacked: 91366357,
    },
  },
  {
    name: 'nvidia-cuda-nvrtc-cu12',
    version: '12.9.86',
    'linux-x64': {
      tag: 'manylinux2010_x86_64',
      sha256: '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4',
      bytes: 89568129,
      unpacked: 227401962,
    },
    'linux-arm64': {
      tag: 'manylinux2014_aarch64',
      sha256: '096d4de6bda726415dfaf3198d4f5c522b8e70139c97feef5cd2ca6d4cd9cead',
      bytes: 44528905,
      unpacked: 108982258,
    },
  },
  {
    name: 'nvidia-nvshmem-cu12',
    version: '3.6.5',
    'linux-x64': {
      tag: 'manylinux2014_x86_64',
      sha256: 'f86db35f1ced21a790fa255dcae7db8998bf8655a95e76c033a6574190b398e4',
      bytes: 153270920,
      unpacked: 213860391,
    },
    'linux-arm64': {
      tag: 'manylinux2014_aarch64',
      sha256: '7b38521ff84cdfc68da3360fe249cfbabfe05ee9aa271458857476124b03a420',
      bytes: 153109548,
      unpacked: 213649527,
    },
  },
]

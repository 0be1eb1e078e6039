import { CheckpointError } from '../../errors'

/** Why a PyTorch file is refused. */
export type TorchFileFault =
  /** Neither a zip archive nor the older format of `torch.save`. */
  | 'not-a-torch-file'
  /** The zip archive is damaged: its directory, an entry's place, size or name. */
  | 'bad-zip'
  /** An entry of the archive is compressed or encrypted. */
  | 'compressed'
  /** An entry's bytes have another checksum. */
  | 'checksum'
  /** The numbers are big-endian. */
  | 'big-endian'
  /** The pickle ends in the middle of an instruction, or a length passes its end. */
  | 'truncated'
  /** An instruction that is unknown, or that a checkpoint has no use for. */
  | 'bad-opcode'
  /** An instruction finds something else on the stack or in the memo than it needs. */
  | 'bad-pickle'
  /** A name that is not on the list of those that are safe: the file could run code where it is unpickled by Python. */
  | 'forbidden-global'
  /** A safe name is used in another way than PyTorch does. */
  | 'bad-arguments'
  /** The pickle describes more than the memory limit. */
  | 'too-much-memory'
  /** A storage is missing, or not as long as the pickle says. */
  | 'bad-storage'
  /** A tensor reaches out of its storage, or would be larger than the file. */
  | 'bad-tensor'
  /** An element type or kind of tensor that is not read. */
  | 'unsupported-tensor'
  /** Values that contain themselves, nest too deeply or repeat too often, where plain data is wanted. */
  | 'bad-structure'

/** A PyTorch file that is damaged, hostile or of a kind that is not read; `fault` says which, for programs. */
export class TorchFileError extends CheckpointError {
  constructor(
    message: string,
    readonly fault: TorchFileFault,
    options: { readonly file?: string | undefined; readonly field?: string; readonly cure?: string } = {},
  ) {
    super(message, {
      cure: 'The file is damaged or was not written by torch.save: fetch or save it again.',
      ...options,
    } as ConstructorParameters<typeof CheckpointError>[1])
  }
}

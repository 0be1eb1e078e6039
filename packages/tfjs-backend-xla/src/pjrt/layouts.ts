/**
 * Binary layout of the part of PJRT's C API that we call, for 64-bit platforms: the position of every function in the
 * API table, and the size and field offsets of every argument struct. PJRT only ever appends to both, and each struct
 * carries its own size, so a plugin of another minor version understands these.
 */

/** Size of a struct as the API counts it (`struct_size`) and the byte offset of each field. */
export interface StructLayout<Field extends string = string> {
  readonly size: number
  readonly fields: Readonly<Record<Field, number>>
}

function layout<Field extends string>(size: number, fields: Record<Field, number>): StructLayout<Field> {
  return { size, fields }
}

/** Byte offsets inside `PJRT_Api`, whose function pointers follow its header. */
export const API_TABLE = {
  structSize: 0,
  versionStructSize: 16,
  majorVersion: 32,
  minorVersion: 36,
  functions: 40,
} as const

/** Index of each function in the API table. */
export const SLOTS = {
  Error_Destroy: 0,
  Error_Message: 1,
  Error_GetCode: 2,
  Plugin_Initialize: 3,
  Plugin_Attributes: 4,
  Event_Destroy: 5,
  Event_IsReady: 6,
  Event_Await: 8,
  Client_Create: 10,
  Client_Destroy: 11,
  Client_PlatformName: 12,
  Client_PlatformVersion: 14,
  Client_ProcessIndex: 13,
  Client_Devices: 15,
  Client_AddressableDevices: 16,
  Client_Compile: 20,
  Client_BufferFromHostBuffer: 22,
  Executable_Destroy: 40,
  Executable_Name: 41,
  Executable_OutputElementTypes: 90,
  Executable_OutputDimensions: 91,
  Executable_Serialize: 49,
  Executable_DeserializeAndLoad: 56,
  Executable_GetCompiledMemoryStats: 96,
  LoadedExecutable_Destroy: 50,
  LoadedExecutable_GetExecutable: 51,
  LoadedExecutable_Execute: 55,
  Buffer_Destroy: 58,
  Buffer_CopyToDevice: 69,
  Buffer_ToHostBuffer: 70,
  Buffer_ReadyEvent: 72,
  Device_GetDescription: 29,
  DeviceDescription_Id: 23,
  DeviceDescription_Kind: 26,
  Device_MemoryStats: 34,
} as const

/** A function of the API, by its name without the `PJRT_` prefix. */
export type ApiFunction = keyof typeof SLOTS

/** The argument struct of each function. */
export const ARGS = {
  Error_Destroy: layout(24, { error: 16 }),
  Error_Message: layout(40, { error: 16, message: 24, message_size: 32 }),
  Error_GetCode: layout(28, { error: 16, code: 24 }),
  Plugin_Initialize: layout(16, {}),
  Plugin_Attributes: layout(32, { attributes: 16, num_attributes: 24 }),
  Event_Destroy: layout(24, { event: 16 }),
  Event_IsReady: layout(25, { event: 16, is_ready: 24 }),
  Event_Await: layout(24, { event: 16 }),
  Client_Create: layout(88, {
    create_options: 16,
    num_options: 24,
    kv_get_callback: 32,
    kv_get_user_arg: 40,
    kv_put_callback: 48,
    kv_put_user_arg: 56,
    client: 64,
    kv_try_get_callback: 72,
    kv_try_get_user_arg: 80,
  }),
  Client_Destroy: layout(24, { client: 16 }),
  Client_PlatformName: layout(40, { client: 16, platform_name: 24, platform_name_size: 32 }),
  Client_PlatformVersion: layout(40, { client: 16, platform_version: 24, platform_version_size: 32 }),
  Client_ProcessIndex: layout(28, { client: 16, process_index: 24 }),
  Client_Devices: layout(40, { client: 16, devices: 24, num_devices: 32 }),
  Client_AddressableDevices: layout(40, { client: 16, addressable_devices: 24, num_addressable_devices: 32 }),
  Client_Compile: layout(56, {
    client: 16,
    program: 24,
    compile_options: 32,
    compile_options_size: 40,
    executable: 48,
  }),
  Client_BufferFromHostBuffer: layout(120, {
    client: 16,
    data: 24,
    type: 32,
    dims: 40,
    num_dims: 48,
    byte_strides: 56,
    num_byte_strides: 64,
    host_buffer_semantics: 72,
    device: 80,
    memory: 88,
    device_layout: 96,
    done_with_host_buffer: 104,
    buffer: 112,
  }),
  Executable_Destroy: layout(24, { executable: 16 }),
  Executable_Name: layout(40, { executable: 16, executable_name: 24, executable_name_size: 32 }),
  Executable_OutputElementTypes: layout(40, { executable: 16, output_types: 24, num_output_types: 32 }),
  Executable_OutputDimensions: layout(48, { executable: 16, num_outputs: 24, dims: 32, dim_sizes: 40 }),
  Executable_Serialize: layout(56, {
    executable: 16,
    serialized_bytes: 24,
    serialized_bytes_size: 32,
    serialized_executable: 40,
    serialized_executable_deleter: 48,
  }),
  Executable_DeserializeAndLoad: layout(72, {
    client: 16,
    serialized_executable: 24,
    serialized_executable_size: 32,
    loaded_executable: 40,
    overridden_serialized_compile_options: 48,
    overridden_serialized_compile_options_size: 56,
    load_options: 64,
  }),
  Executable_GetCompiledMemoryStats: layout(144, {
    executable: 16,
    generated_code_size_in_bytes: 24,
    argument_size_in_bytes: 32,
    output_size_in_bytes: 40,
    alias_size_in_bytes: 48,
    temp_size_in_bytes: 56,
    host_generated_code_size_in_bytes: 64,
    host_argument_size_in_bytes: 72,
    host_output_size_in_bytes: 80,
    host_alias_size_in_bytes: 88,
    host_temp_size_in_bytes: 96,
    peak_memory_in_bytes: 104,
    total_size_in_bytes: 112,
    total_allocation_bytes: 120,
    indefinite_allocations: 128,
    peak_unpadded_heap_bytes: 136,
  }),
  LoadedExecutable_Destroy: layout(24, { executable: 16 }),
  LoadedExecutable_GetExecutable: layout(32, { loaded_executable: 16, executable: 24 }),
  LoadedExecutable_Execute: layout(80, {
    executable: 16,
    options: 24,
    argument_lists: 32,
    num_devices: 40,
    num_args: 48,
    output_lists: 56,
    device_complete_events: 64,
    execute_device: 72,
  }),
  Buffer_Destroy: layout(24, { buffer: 16 }),
  Buffer_CopyToDevice: layout(40, { buffer: 16, dst_device: 24, dst_buffer: 32 }),
  Buffer_ToHostBuffer: layout(56, { src: 16, host_layout: 24, dst: 32, dst_size: 40, event: 48 }),
  Buffer_ReadyEvent: layout(32, { buffer: 16, event: 24 }),
  Device_GetDescription: layout(32, { device: 16, device_description: 24 }),
  DeviceDescription_Id: layout(28, { device_description: 16, id: 24 }),
  Device_MemoryStats: layout(201, { device: 16, bytes_in_use: 24, bytes_limit: 80, bytes_limit_is_set: 88 }),
  DeviceDescription_Kind: layout(40, { device_description: 16, device_kind: 24, device_kind_size: 32 }),
} as const

/** Structs that others point to. */
export const STRUCTS = {
  KeyValueGetCallback: layout(80, {
    key: 16,
    key_size: 24,
    timeout_in_ms: 32,
    callback_error: 40,
    user_arg: 48,
    value: 56,
    value_size: 64,
    value_deleter_callback: 72,
  }),
  KeyValuePutCallback: layout(64, {
    key: 16,
    key_size: 24,
    value: 32,
    value_size: 40,
    callback_error: 48,
    user_arg: 56,
  }),
  KeyValueTryGetCallback: layout(72, {
    key: 16,
    key_size: 24,
    callback_error: 32,
    user_arg: 40,
    value: 48,
    value_size: 56,
    value_deleter_callback: 64,
  }),
  NamedValue: layout(56, { name: 16, name_size: 24, type: 32, value: 40, value_size: 48 }),
  Program: layout(48, { code: 16, code_size: 24, format: 32, format_size: 40 }),
  ExecuteOptions: layout(144, {
    send_callbacks: 16,
    recv_callbacks: 24,
    num_send_ops: 32,
    num_recv_ops: 40,
    launch_id: 48,
    non_donatable_input_indices: 56,
    num_non_donatable_input_indices: 64,
    context: 72,
    call_location: 80,
    num_tasks: 88,
    task_ids: 96,
    incarnation_ids: 104,
    multi_slice_config: 112,
    use_major_to_minor_data_layout_for_callbacks: 120,
    hlo_output_callbacks: 128,
    num_hlo_output_callbacks: 136,
  }),
} as const

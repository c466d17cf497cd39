// The runtime's side of the plugin's table: memory, streams and copies, as cuda/plugin.h says.
// CUDA's own (runtime.cu here), or the emulation's in the test tree.
#pragma once

#include "cuda/plugin.h"

namespace sb::cuda::runtime {

Outcome probe(std::int32_t* devices, char* text, std::size_t text_bytes);
Outcome open(std::int32_t device, DeviceInfo* info, char* text, std::size_t text_bytes);
const char* error_text(std::int32_t error);
std::int32_t take(std::int32_t device, std::size_t bytes, void** memory);
void give_back(std::int32_t device, void* memory);
std::int32_t pin(void* memory, std::size_t bytes);
void unpin(void* memory);
bool link(std::int32_t device, std::int32_t peer);
std::int32_t begin_stream(std::int32_t device, Stream* stream);
void end_stream(std::int32_t device, Stream stream);
std::int32_t use(std::int32_t device);
std::int32_t upload(std::int32_t device, void* to, const void* from, std::size_t bytes);
std::int32_t copy_in(Stream stream, void* to, const void* from, std::size_t bytes);
std::int32_t copy_out(Stream stream, void* to, std::size_t to_stride, const void* from,
                      std::size_t from_stride, std::size_t bytes, std::size_t rows);
std::int32_t copy_across(Stream stream, void* to, const void* from, std::size_t bytes);
std::int32_t wait(Stream stream);
std::int32_t begin_mark(std::int32_t device, Mark* mark);
void end_mark(std::int32_t device, Mark mark);
void put_mark(Stream stream, Mark mark);
void follow(Stream stream, Mark mark);
std::int32_t put_end(Stream stream, Mark mark);
std::int32_t await(Mark mark);
bool passed(Mark mark);
std::int32_t record(Stream stream);
std::int32_t seal(Stream stream, Graph* graph);
std::int32_t replay(Stream stream, Graph graph);
void forget(std::int32_t device, Graph graph);
extern const char* const kName;

}  // namespace sb::cuda::runtime

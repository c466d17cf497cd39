package dev.switchboard.executor;

import dev.switchboard.executor.ExecutorException.Status;
import dev.switchboard.executor.binding.Cuda;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.IntSupplier;

/**
 * A device's primary context, which the CUDA runtime of this process uses too. While it is open the
 * device's memory can be asked for, and a mapped model file can be registered, so that the device
 * copies from it without a bounce through other memory. Any thread; each call makes the context
 * current for its own time.
 */
public final class CudaContext implements AutoCloseable {
  private final int handle;
  private final MemorySegment context;
  private final boolean registersReadOnly;
  private boolean closed;

  private CudaContext(int handle, MemorySegment context, boolean registersReadOnly) {
    this.handle = handle;
    this.context = context;
    this.registersReadOnly = registersReadOnly;
  }

  /** What a device has. */
  public record Memory(long freeBytes, long totalBytes) {}

  /** How a registration went. */
  public sealed interface Registration extends AutoCloseable {
    @Override
    void close();

    /** Done; closing it takes it back. */
    final class Registered implements Registration {
      private final CudaContext owner;
      private final MemorySegment range;
      private boolean closed;

      private Registered(CudaContext owner, MemorySegment range) {
        this.owner = owner;
        this.range = range;
      }

      @Override
      public synchronized void close() {
        if (!closed) {
          closed = true;
          owner.unregister(range);
        }
      }
    }

    /**
     * The device cannot; whoever loads copies through pinned memory instead.
     *
     * @param why such as {@code CUDA_ERROR_NOT_SUPPORTED}
     */
    record Refused(String why) implements Registration {
      @Override
      public void close() {}
    }
  }

  /**
   * Opens it.
   *
   * @param ordinal CUDA's number of the device
   * @throws ExecutorException {@code unsupported} without driver or device, {@code out_of_memory},
   *     {@code busy} where another process has the device for itself
   */
  public static CudaContext open(int ordinal) {
    String absent = DriverLibrary.CUDA.load();
    if (absent != null) {
      throw new ExecutorException(Status.UNSUPPORTED, absent);
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_INT);
      MemorySegment context = arena.allocate(Cuda.C_POINTER);
      check("cuInit", CudaDevices.result(() -> Cuda.cuInit(0)));
      check("cuDeviceGet", CudaDevices.result(() -> Cuda.cuDeviceGet(out, ordinal)));
      int handle = out.get(ValueLayout.JAVA_INT, 0);
      int readOnly = Cuda.CU_DEVICE_ATTRIBUTE_READ_ONLY_HOST_REGISTER_SUPPORTED();
      boolean registersReadOnly =
          CudaDevices.succeeded(() -> Cuda.cuDeviceGetAttribute(out, readOnly, handle))
              && out.get(ValueLayout.JAVA_INT, 0) != 0;
      check(
          "device " + ordinal,
          CudaDevices.result(() -> Cuda.cuDevicePrimaryCtxRetain(context, handle)));
      return new CudaContext(handle, context.get(Cuda.C_POINTER, 0), registersReadOnly);
    }
  }

  private static void check(String what, int result) {
    if (result != Cuda.CUDA_SUCCESS()) {
      throw new ExecutorException(status(result), what + ": " + CudaDevices.errorName(result));
    }
  }

  private static Status status(int result) {
    if (result == Cuda.CUDA_ERROR_OUT_OF_MEMORY()) {
      return Status.OUT_OF_MEMORY;
    }
    return result == Cuda.CUDA_ERROR_DEVICE_UNAVAILABLE() ? Status.BUSY : Status.UNSUPPORTED;
  }

  /** What it has now, and what of it is free. */
  public Memory memory() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment free = arena.allocate(ValueLayout.JAVA_LONG);
      MemorySegment total = arena.allocate(ValueLayout.JAVA_LONG);
      check("cuMemGetInfo", current(() -> Cuda.cuMemGetInfo_v2(free, total)));
      return new Memory(free.get(ValueLayout.JAVA_LONG, 0), total.get(ValueLayout.JAVA_LONG, 0));
    }
  }

  /**
   * Registers memory of the host with all devices. It stays locked and mapped until that is taken
   * back; the range must not be unmapped before.
   *
   * @param range of a mapped file or other memory outside the heap
   */
  public Registration register(MemorySegment range) {
    if (!range.isNative() || range.byteSize() == 0) {
      throw new IllegalArgumentException("only memory outside the heap can be registered");
    }
    if (range.isReadOnly() && !registersReadOnly) {
      return new Registration.Refused("the device registers no memory that is mapped read-only");
    }
    int flags =
        Cuda.CU_MEMHOSTREGISTER_PORTABLE()
            | (range.isReadOnly() ? Cuda.CU_MEMHOSTREGISTER_READ_ONLY() : 0);
    int result = current(() -> Cuda.cuMemHostRegister_v2(range, range.byteSize(), flags));
    return result == Cuda.CUDA_SUCCESS()
        ? new Registration.Registered(this, range)
        : new Registration.Refused(CudaDevices.errorName(result));
  }

  /** A context that is gone took its registrations with it. */
  private synchronized void unregister(MemorySegment range) {
    if (!closed) {
      current(() -> Cuda.cuMemHostUnregister(range));
    }
  }

  /** The result of a call that is made while this context is the thread's. */
  private synchronized int current(IntSupplier call) {
    if (closed) {
      throw new IllegalStateException("the context is closed");
    }
    int pushed = CudaDevices.result(() -> Cuda.cuCtxPushCurrent_v2(context));
    if (pushed != Cuda.CUDA_SUCCESS()) {
      return pushed;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment before = arena.allocate(Cuda.C_POINTER);
      int result = CudaDevices.result(call);
      CudaDevices.result(() -> Cuda.cuCtxPopCurrent_v2(before));
      return result;
    }
  }

  /** Gives it back; what is still registered is taken back with the last user of the context. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      CudaDevices.result(() -> Cuda.cuDevicePrimaryCtxRelease_v2(handle));
    }
  }
}

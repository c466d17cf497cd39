package dev.switchboard.executor;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.switchboard.executor.ExecutorConfig.Isa;
import dev.switchboard.executor.ExecutorException.Status;
import dev.switchboard.executor.binding.Switchboard;
import dev.switchboard.executor.binding.sb_fault;
import dev.switchboard.executor.binding.sb_masks;
import dev.switchboard.executor.binding.sb_memory;
import dev.switchboard.executor.binding.sb_progress;
import dev.switchboard.executor.binding.sb_sampling;
import dev.switchboard.gguf.ModelDescription;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The executor over libswitchboard. Steps, rows and the timeline belong to the engine thread;
 * {@link #inject} may come from any, so it and {@link #close} exclude each other.
 */
public final class NativeExecutor implements Executor {
  /** What multiplies BF16 weights on a device, as cuda/kernels.h has it. */
  private static final String BF16_VARIABLE = "SWITCHBOARD_CUDA_BF16";

  private static final long PROGRESS_INTERVAL_NANOS = 100_000_000;
  private static final VarHandle DONE_BYTES = sb_progress.done_bytes$layout().varHandle();

  private final Arena arena;
  private final MemorySegment engine;
  private final ExecutorInfo info;
  private final NativeStep step;
  private final NativeTimeline timeline;
  private final MemorySegment sampling;
  private final MemorySegment history;
  private final MemorySegment biasTokens;
  private final MemorySegment biasValues;
  private final MemorySegment masks;
  private final long maskBytes;
  private final StepResult result;
  private final Object lifeLock = new Object();
  private boolean closed;

  /** Hears how far loading is, on a thread of its own. */
  @FunctionalInterface
  public interface LoadListener {
    void loaded(long doneBytes, long totalBytes);
  }

  @SuppressWarnings("restricted")
  private NativeExecutor(
      Arena arena, MemorySegment engine, ExecutorInfo info, ExecutorConfig config) {
    this.arena = arena;
    this.engine = engine;
    this.info = info;
    step = new NativeStep(arena, config, info.context(), info.embeddingSize());
    timeline = NativeTimeline.of(engine, config.ranks());
    sampling = sb_sampling.allocate(arena);
    history = arena.allocate(JAVA_INT, info.context());
    biasTokens = arena.allocate(JAVA_INT, MAX_LOGIT_BIAS);
    biasValues = arena.allocate(JAVA_FLOAT, MAX_LOGIT_BIAS);
    result = new StepResult(config.maxStepOutputs(), info.embeddingSize());
    MemorySegment slots = sb_masks.allocate(arena);
    sb_masks.struct_size(slots, (int) sb_masks.sizeof());
    NativeLibrary.check(Switchboard.sb_engine_masks(engine, slots));
    maskBytes = sb_masks.slot_bytes(slots);
    masks = sb_masks.base(slots).reinterpret(maskBytes * info.maskSlots());
    sb_sampling.struct_size(sampling, (int) sb_sampling.sizeof());
    sb_sampling.bias_tokens(sampling, biasTokens);
    sb_sampling.bias_values(sampling, biasValues);
  }

  /**
   * Loads a model: repacks its weights and takes all memory it will ever use. The model's file may
   * be closed afterwards.
   *
   * <p>The longest sequence is the model's context, or the whole KV pool if that is less.
   *
   * @throws ExecutorException when the library cannot be loaded, or refuses model or config; the
   *     text names the field
   */
  public static NativeExecutor open(
      ModelDescription model, ExecutorConfig config, LoadListener listener) {
    NativeLibrary.load();
    int context = context(model, config);
    try (Arena call = Arena.ofShared()) {
      MemorySegment modelStruct = NativeModel.model(call, model, context);
      MemorySegment configStruct = NativeModel.config(call, config);
      MemorySegment out = call.allocate(ADDRESS);
      MemorySegment progress = sb_progress.allocate(call);
      Poller poller = Poller.start(progress, listener);
      int status;
      try {
        status = Switchboard.sb_engine_create(modelStruct, configStruct, progress, out);
      } finally {
        poller.stop();
      }
      NativeLibrary.check(status);
      return opened(out.get(ADDRESS, 0), model, config, context);
    }
  }

  private static NativeExecutor opened(
      MemorySegment engine, ModelDescription model, ExecutorConfig config, int context) {
    Arena arena = Arena.ofShared();
    try {
      ExecutorInfo info = info(model, config, context, memory(engine, arena));
      return new NativeExecutor(arena, engine, info, config);
    } catch (RuntimeException | Error e) {
      Switchboard.sb_engine_destroy(engine);
      arena.close();
      throw e;
    }
  }

  /**
   * What opening would take, without taking it.
   *
   * @throws ExecutorException as open would, but for what the tensors' contents decide
   */
  public static ExecutorInfo.Memory planMemory(ModelDescription model, ExecutorConfig config) {
    NativeLibrary.load();
    try (Arena call = Arena.ofConfined()) {
      MemorySegment modelStruct = NativeModel.model(call, model, context(model, config));
      MemorySegment out = memoryStruct(call);
      NativeLibrary.check(
          Switchboard.sb_engine_plan_memory(modelStruct, NativeModel.config(call, config), out));
      return memory(out);
    }
  }

  private static int context(ModelDescription model, ExecutorConfig config) {
    long pool = (long) config.kvBlocks() * config.kvBlockTokens();
    return (int) Math.min(model.context(), pool);
  }

  private static ExecutorInfo.Memory memory(MemorySegment engine, Arena arena) {
    MemorySegment out = memoryStruct(arena);
    NativeLibrary.check(Switchboard.sb_engine_memory(engine, out));
    return memory(out);
  }

  private static MemorySegment memoryStruct(Arena arena) {
    MemorySegment out = sb_memory.allocate(arena);
    sb_memory.struct_size(out, (int) sb_memory.sizeof());
    return out;
  }

  private static ExecutorInfo.Memory memory(MemorySegment out) {
    ExecutorInfo.OnDevices devices =
        new ExecutorInfo.OnDevices(
            sb_memory.device_bytes(out),
            sb_memory.tightest_device_bytes(out),
            sb_memory.tightest_device_free_bytes(out));
    return new ExecutorInfo.Memory(
        sb_memory.weight_bytes(out),
        sb_memory.kv_bytes(out),
        sb_memory.scratch_bytes(out),
        sb_memory.weight_bytes_per_token(out),
        devices.bytes() == 0 ? null : devices);
  }

  private static ExecutorInfo info(
      ModelDescription model, ExecutorConfig config, int context, ExecutorInfo.Memory memory) {
    Isa isa = config.isa() == Isa.AUTO ? NativeMachine.probe().bestIsa() : config.isa();
    return new ExecutorInfo(
        config.maxRows(),
        config.kvBlocks(),
        config.kvBlockTokens(),
        config.maxStepTokens(),
        config.maxStepOutputs(),
        config.maxInFlight(),
        config.stages(),
        config.ranks(),
        context,
        model.vocab(),
        model.embeddingSize(),
        memory,
        device(isa, System.getenv(BF16_VARIABLE)));
  }

  /** What computes; on a device also what was chosen there to multiply BF16 weights. */
  static String device(Isa isa, @Nullable String multiplier) {
    if (isa != Isa.CUDA) {
      return "cpu " + isa.name().toLowerCase(Locale.ROOT);
    }
    boolean usual = multiplier == null || multiplier.isEmpty() || multiplier.equals("mma");
    return usual ? "cuda" : "cuda " + multiplier;
  }

  @Override
  public ExecutorInfo info() {
    return info;
  }

  @Override
  public void begin(
      int row, Sampling parameters, int[] tokens, int historyTokens, int promptTokens) {
    sb_sampling.temperature(sampling, parameters.temperature());
    sb_sampling.top_p(sampling, parameters.topP());
    sb_sampling.min_p(sampling, parameters.minP());
    sb_sampling.top_k(sampling, parameters.topK());
    sb_sampling.repetition_penalty(sampling, parameters.repetitionPenalty());
    sb_sampling.presence_penalty(sampling, parameters.presencePenalty());
    sb_sampling.frequency_penalty(sampling, parameters.frequencyPenalty());
    sb_sampling.seed(sampling, parameters.seed());
    sb_sampling.n_bias(sampling, writeBias(parameters.logitBias()));
    MemorySegment.copy(tokens, 0, history, JAVA_INT, 0, historyTokens);
    NativeLibrary.check(
        Switchboard.sb_row_begin(engine, row, sampling, history, historyTokens, promptTokens));
  }

  private int writeBias(Map<Integer, Float> bias) {
    if (bias.size() > MAX_LOGIT_BIAS) {
      throw new ExecutorException(
          Status.INVALID_ARGUMENT, "logitBias has " + bias.size() + " entries");
    }
    int i = 0;
    for (Map.Entry<Integer, Float> entry : bias.entrySet()) {
      biasTokens.setAtIndex(JAVA_INT, i, entry.getKey());
      biasValues.setAtIndex(JAVA_FLOAT, i, entry.getValue());
      i++;
    }
    return i;
  }

  @Override
  public void submit(StepPlan plan) {
    step.write(plan);
    NativeLibrary.check(Switchboard.sb_submit(engine, step.plan));
  }

  @Override
  public void mask(int slot, long number, long[] allowed) {
    MemorySegment.copy(allowed, 0, masks, JAVA_LONG, slot * maskBytes, info.maskWords());
    NativeLibrary.check(Switchboard.sb_mask_ready(engine, slot, number));
  }

  @Override
  public @Nullable StepResult await(long timeoutNanos) {
    int status = Switchboard.sb_await(engine, timeoutNanos, step.result);
    if (status == Switchboard.SB_TIMEOUT()) {
      return null;
    }
    if (status == Switchboard.SB_HUNG() || status == Switchboard.SB_DEVICE_LOST()) {
      throw NativeLibrary.error(status, step.failedStage(), step.failedRank());
    }
    NativeLibrary.check(status);
    step.read(result);
    return result;
  }

  @Override
  public void drainTimeline(TimelineSink sink) {
    timeline.drain(sink);
  }

  @Override
  public List<LaneHeartbeat> heartbeats() {
    return timeline.heartbeats();
  }

  @Override
  public void inject(Fault fault) {
    synchronized (lifeLock) {
      if (closed) {
        throw new ExecutorException(Status.SHUTDOWN, "the executor is closed");
      }
      try (Arena call = Arena.ofConfined()) {
        MemorySegment struct = sb_fault.allocate(call);
        sb_fault.struct_size(struct, (int) sb_fault.sizeof());
        sb_fault.kind(struct, kind(fault.kind()));
        sb_fault.stage(struct, fault.stage());
        sb_fault.rank(struct, fault.rank());
        sb_fault.first_step(struct, fault.firstStep());
        sb_fault.steps(struct, fault.steps());
        sb_fault.amount(struct, fault.amount());
        NativeLibrary.check(Switchboard.sb_inject(engine, struct));
      }
    }
  }

  private static int kind(Fault.Kind kind) {
    return switch (kind) {
      case NONE -> Switchboard.SB_FAULT_NONE();
      case DELAY -> Switchboard.SB_FAULT_DELAY();
      case SLOW -> Switchboard.SB_FAULT_SLOW();
      case FAIL -> Switchboard.SB_FAULT_FAIL();
      case OUT_OF_MEMORY -> Switchboard.SB_FAULT_OUT_OF_MEMORY();
      case HANG -> Switchboard.SB_FAULT_HANG();
    };
  }

  @Override
  public void close() {
    synchronized (lifeLock) {
      if (!closed) {
        closed = true;
        Switchboard.sb_engine_destroy(engine);
        arena.close();
      }
    }
  }

  /** Reads the progress the library writes while the caller's thread is inside it. */
  private static final class Poller {
    private final Thread thread;
    private volatile boolean stopped;

    private Poller(MemorySegment progress, LoadListener listener) {
      thread =
          Thread.ofPlatform()
              .name("switchboard-load")
              .daemon(true)
              .unstarted(() -> poll(progress, new LoadReports(listener)));
    }

    static Poller start(MemorySegment progress, LoadListener listener) {
      Poller poller = new Poller(progress, listener);
      poller.thread.start();
      return poller;
    }

    private void poll(MemorySegment progress, LoadReports reports) {
      boolean last;
      do {
        last = stopped;
        long done = (long) DONE_BYTES.getAcquire(progress, sb_progress.done_bytes$offset());
        reports.report(done, sb_progress.total_bytes(progress));
        if (!last) {
          LockSupport.parkNanos(PROGRESS_INTERVAL_NANOS);
        }
      } while (!last);
    }

    /** After one last report: the progress struct is about to go. */
    void stop() {
      stopped = true;
      LockSupport.unpark(thread);
      boolean interrupted = false;
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}

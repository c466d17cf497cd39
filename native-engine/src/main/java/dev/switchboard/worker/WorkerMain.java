package dev.switchboard.worker;

import dev.switchboard.constraint.ConstraintWarmUp;
import dev.switchboard.descriptors.OpenFiles;
import dev.switchboard.executor.ExecutorConfig.KvType;
import dev.switchboard.log.LogFormat;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.toolcall.ToolFormat;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.file.FileSystemOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The worker process: serves one model until it is told to stop.
 *
 * <p>Standard output carries one JSON object a line for the supervisor ({@link MachineEvents}). How
 * it ended its exit code says, see {@link WorkerExit}.
 */
@Command(
    name = "worker",
    sortOptions = false,
    description = "Serves one model over HTTP.",
    mixinStandardHelpOptions = true,
    versionProvider = WorkerMain.Version.class)
public final class WorkerMain implements Callable<Integer> {
  private static final Duration CLOSING = Duration.ofSeconds(5);
  private static final int MOST_PORT = 65_535;

  @Option(names = "--model", required = true, description = "The model, a GGUF file.")
  private Path model = Path.of("");

  @Option(
      names = {"--name", "--model-name"},
      description = "What requests call it; else the file's name.")
  private @Nullable String name;

  @Option(names = "--id", defaultValue = "w0", description = "This replica's name.")
  private String id = "";

  @Option(names = "--bind", defaultValue = "127.0.0.1", description = "Address to listen on.")
  private String bind = "";

  @Option(
      names = "--port",
      description = "Port; 0 takes a free one. With --socket there is none unless this is given.")
  private @Nullable Integer port;

  @Option(
      names = "--socket",
      description = {
        "Unix socket to listen on, for a gateway on this machine.",
        "Its folder decides who may connect. A file that is there already is replaced."
      })
  private @Nullable Path socket;

  @Option(
      names = "--secret-file",
      paramLabel = "FILE",
      description = {
        "The secret that requests to the port must bring; else SWITCHBOARD_FLEET_SECRET.",
        "Needed where --bind is not loopback."
      })
  private @Nullable Path secretFile;

  @Option(
      names = "--open-metrics",
      description = "Serve /metrics on the port to who brings no secret, as scrapers do.")
  private boolean openMetrics;

  @Option(names = "--stages", defaultValue = "1", description = "Pipeline stages.")
  private int stages;

  @Option(names = "--ranks", defaultValue = "1", description = "Tensor-parallel ranks per stage.")
  private int ranks;

  @Option(names = "--threads", defaultValue = "0", description = "Per rank; 0 shares the cores.")
  private int threads;

  @Option(names = "--library", description = "Path of libswitchboard.so.")
  private @Nullable Path library;

  @Option(names = "--context", defaultValue = "0", description = "Longest sequence, tokens.")
  private int context;

  @Option(
      names = "--memory",
      converter = KvMemoryConverter.class,
      description = "Weights, KV, scratch and JVM together: 4GiB. KV gets what remains.")
  private @Nullable KvMemory memory;

  @Option(
      names = "--kv-memory",
      converter = KvMemoryConverter.class,
      description = "The KV pool: 512MiB, 2GiB or 16384tokens; else what --memory leaves.")
  private @Nullable KvMemory kvMemory;

  @Option(
      names = "--kv-type",
      defaultValue = "f16",
      converter = KvTypeConverter.class,
      description = "How keys and values are stored: f32, f16, bf16 or q8_0.")
  private KvType kvType = KvType.F16;

  @Option(
      names = "--device",
      defaultValue = "cpu",
      converter = DeviceConverter.class,
      description = "What the model runs on: cpu, cuda, or auto: cuda where there is a device.")
  private Device device = Device.CPU;

  @Option(names = "--max-sequences", defaultValue = "64", description = "That run at a time.")
  private int maxSequences;

  @Option(names = "--step-tokens", defaultValue = "512", description = "Most tokens of one step.")
  private int stepTokens;

  @Option(
      names = "--hang-timeout",
      defaultValue = "60",
      description = "Seconds until a step counts as hung.")
  private int hangTimeoutSeconds;

  @Option(
      names = "--drain-timeout",
      defaultValue = "20",
      description = "Seconds that running requests get to finish at termination.")
  private int drainTimeoutSeconds;

  @Option(
      names = "--canary-timeout",
      defaultValue = "2",
      description = "Seconds until a canary without an answer has failed.")
  private int canaryTimeoutSeconds;

  @Option(names = "--chat-template", description = "A Jinja file instead of the model's own.")
  private @Nullable Path chatTemplate;

  @Option(
      names = "--tool-format",
      defaultValue = "auto",
      description = "How the model writes function calls: auto, none, llama, hermes or mistral.")
  private String toolFormat = "auto";

  @Option(
      names = "--sampling",
      defaultValue = "model",
      converter = SamplingConverter.class,
      description = {
        "What requests get that say nothing of temperature, top_p, top_k, min_p or",
        "repetition_penalty: model (what its file recommends) or api (1, 1, 0, 0, 1)."
      })
  private Sampling sampling = Sampling.MODEL;

  @Option(names = "--allow-fault-injection", description = "Serve POST /engine/v1/faults.")
  private boolean allowFaultInjection;

  @Option(
      names = "--log-format",
      defaultValue = "text",
      converter = LogFormatConverter.class,
      description = "How lines of the log are written: text or json.")
  private LogFormat logFormat = LogFormat.TEXT;

  @Option(
      names = "--plan",
      description = "Tell what memory the model would take, as one line of JSON, and exit.")
  private boolean plan;

  @Option(names = "--exit-with-parent", description = "Exit when standard input ends.")
  private boolean exitWithParent;

  private final long startNanos = System.nanoTime();
  private final MachineEvents events = new MachineEvents(System.out);
  private volatile WorkerExit exit = WorkerExit.ENDED;

  private WorkerMain() {}

  /** The version in the jar's manifest. */
  static final class Version implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = WorkerMain.class.getPackage().getImplementationVersion();
      return new String[] {"worker " + (version == null ? "unpackaged" : version)};
    }
  }

  /** Reads {@code --log-format}. */
  static final class LogFormatConverter implements CommandLine.ITypeConverter<LogFormat> {
    @Override
    public LogFormat convert(String value) {
      try {
        return LogFormat.of(value);
      } catch (IllegalArgumentException wrong) {
        throw new CommandLine.TypeConversionException(wrong.getMessage());
      }
    }
  }

  /** Reads {@code --device}. */
  static final class DeviceConverter implements CommandLine.ITypeConverter<Device> {
    @Override
    public Device convert(String value) {
      for (Device device : Device.values()) {
        if (device.name().toLowerCase(Locale.ROOT).equals(value)) {
          return device;
        }
      }
      throw new CommandLine.TypeConversionException("is none of cpu, cuda and auto");
    }
  }

  /** Reads {@code --kv-type}. */
  static final class KvTypeConverter implements CommandLine.ITypeConverter<KvType> {
    @Override
    public KvType convert(String value) {
      for (KvType type : KvType.values()) {
        if (type.name().toLowerCase(Locale.ROOT).equals(value)) {
          return type;
        }
      }
      throw new CommandLine.TypeConversionException("is none of f32, f16, bf16 and q8_0");
    }
  }

  /** Whose word counts where a request says nothing of sampling. */
  enum Sampling {
    MODEL,
    API
  }

  /** Reads {@code --sampling}. */
  static final class SamplingConverter implements CommandLine.ITypeConverter<Sampling> {
    @Override
    public Sampling convert(String value) {
      return switch (value) {
        case "model" -> Sampling.MODEL;
        case "api" -> Sampling.API;
        default -> throw new CommandLine.TypeConversionException("is neither model nor api");
      };
    }
  }

  /** Reads {@code --memory} and {@code --kv-memory}. */
  static final class KvMemoryConverter implements CommandLine.ITypeConverter<KvMemory> {
    @Override
    public KvMemory convert(String value) {
      try {
        return KvMemory.parse(value);
      } catch (IllegalArgumentException wrong) {
        throw new CommandLine.TypeConversionException(wrong.getMessage());
      }
    }
  }

  public static void main(String[] arguments) {
    // Names are never resolved here, and starting Netty's resolver takes time.
    System.setProperty("vertx.disableDnsResolver", "true");
    // Netty's own choice here takes memory from the system for each buffer, and stops all threads
    // of the JVM whenever it gives some back.
    if (System.getProperty("io.netty.allocator.type") == null) {
      System.setProperty("io.netty.allocator.type", "pooled");
    }
    WorkerLog.start("worker", LogFormat.TEXT);
    Thread.setDefaultUncaughtExceptionHandler(WorkerMain::uncaught);
    int code = new CommandLine(new WorkerMain()).execute(arguments);
    if (code != 0) {
      System.exit(code);
    }
  }

  /**
   * Where an allocation failed others may have too, and nobody knows what they left undone: the
   * process ends, as {@code -XX:+ExitOnOutOfMemoryError} would have had it.
   */
  private static void uncaught(Thread thread, Throwable thrown) {
    if (thrown instanceof OutOfMemoryError) {
      Runtime.getRuntime().halt(WorkerExit.OUT_OF_MEMORY.code());
    }
    LoggerFactory.getLogger(WorkerMain.class).error("thread_ended {}", thread.getName(), thrown);
  }

  @Override
  public Integer call() {
    WorkerLog.start(id, logFormat);
    requireAtLeast("--stages", stages, 1);
    requireAtLeast("--ranks", ranks, 1);
    requireAtLeast("--threads", threads, 0);
    requireAtLeast("--context", context, 0);
    requireAtLeast("--max-sequences", maxSequences, 1);
    requireAtLeast("--step-tokens", stepTokens, 1);
    requireAtLeast("--hang-timeout", hangTimeoutSeconds, 0);
    requireAtMost("--hang-timeout", hangTimeoutSeconds, Integer.MAX_VALUE / 1000);
    requireAtLeast("--drain-timeout", drainTimeoutSeconds, 0);
    requireAtLeast("--canary-timeout", canaryTimeoutSeconds, 1);
    requireAtLeast("--port", port == null ? 0 : port, 0);
    requireAtMost("--port", port == null ? 0 : port, MOST_PORT);
    memoryBytes();
    toolFormat();
    WorkerGuard guard = guard();
    if (library != null) {
      System.setProperty("switchboard.library", library.toString());
    }
    EpochClock clock = EpochClock.system();
    if (plan) {
      return tellPlan(clock);
    }
    Worker worker =
        new Worker(vertx(), settings(), clock, () -> ThreadLocalRandom.current().nextLong());
    worker.onEngineLost(this::engineLost);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> terminate(worker), "terminate"));
    if (exitWithParent) {
      Thread.ofPlatform().daemon(true).name("parent").start(this::waitForParent);
    }
    return start(worker, guard, clock);
  }

  private int tellPlan(EpochClock clock) {
    try {
      events.planned(new ModelLoader(modelOptions(), clock, (done, total) -> {}).plan());
      return 0;
    } catch (ModelLoadException refused) {
      events.failed(refused.reason(), String.valueOf(refused.getMessage()));
      return WorkerExit.MODEL_REFUSED.code();
    }
  }

  private static void requireAtLeast(String option, int value, int least) {
    if (value < least) {
      throw new CommandLine.ParameterException(
          new CommandLine(new WorkerMain()), option + " must be at least " + least);
    }
  }

  private static void requireAtMost(String option, int value, int most) {
    if (value > most) {
      throw new CommandLine.ParameterException(
          new CommandLine(new WorkerMain()), option + " must be at most " + most);
    }
  }

  private static Vertx vertx() {
    return Vertx.vertx(
        new VertxOptions()
            .setEventLoopPoolSize(1)
            .setWorkerPoolSize(1)
            .setInternalBlockingPoolSize(1)
            .setFileSystemOptions(
                new FileSystemOptions()
                    .setFileCachingEnabled(false)
                    .setClassPathResolvingEnabled(false)));
  }

  private WorkerSettings settings() {
    return WorkerSettings.defaults(id, bind, port == null ? 0 : port)
        .within(OpenFiles.now())
        .with(
            Duration.ofSeconds(drainTimeoutSeconds),
            Duration.ofSeconds(canaryTimeoutSeconds),
            allowFaultInjection);
  }

  private ModelOptions modelOptions() {
    return new ModelOptions(
        model,
        name,
        device,
        stages,
        ranks,
        threads,
        context,
        memoryBytes(),
        kvMemory,
        kvType,
        maxSequences,
        stepTokens,
        hangTimeoutSeconds * 1000,
        chatTemplate,
        toolFormat(),
        sampling == Sampling.MODEL,
        allowFaultInjection);
  }

  private @Nullable Long memoryBytes() {
    return switch (memory) {
      case null -> null;
      case KvMemory.Bytes(long bytes) -> bytes;
      case KvMemory.Tokens tokens ->
          throw new CommandLine.ParameterException(
              new CommandLine(new WorkerMain()), "--memory must be an amount such as 4GiB");
    };
  }

  private @Nullable ToolFormat toolFormat() {
    if (toolFormat.equals("auto")) {
      return null;
    }
    for (ToolFormat format : ToolFormat.values()) {
      if (format.word().equals(toolFormat)) {
        return format;
      }
    }
    throw new CommandLine.ParameterException(
        new CommandLine(new WorkerMain()),
        "--tool-format must be auto, none, llama, hermes or mistral");
  }

  /** Null where it does not listen on TCP. */
  private @Nullable WorkerGuard guard() {
    if (port == null && socket != null) {
      return null;
    }
    try {
      FleetSecret secret = FleetSecret.of(secretFile, System.getenv(FleetSecret.VARIABLE));
      WorkerGuard guard = WorkerGuard.of(bind, secret);
      return openMetrics ? guard.withOpenMetrics() : guard;
    } catch (IllegalArgumentException refused) {
      throw new CommandLine.ParameterException(
          new CommandLine(new WorkerMain()), refused.getMessage());
    }
  }

  private boolean listen(Worker worker, @Nullable WorkerGuard guard) {
    String where = "the socket " + socket;
    try {
      Path also = socket == null ? null : worker.listen(socket).toCompletableFuture().join();
      where = bind + ":" + port;
      Integer taken = guard == null ? null : worker.listen(guard).toCompletableFuture().join();
      events.listening(taken, also, ProcessHandle.current().pid());
      return true;
    } catch (CompletionException refused) {
      events.failed("cannot-listen", where + ": " + refused.getCause());
      exit = WorkerExit.CANNOT_LISTEN;
      return false;
    }
  }

  /** However it fails, the process ends and says why: its other threads would go on for ever. */
  private int start(Worker worker, @Nullable WorkerGuard guard, EpochClock clock) {
    try {
      if (!listen(worker, guard)) {
        return WorkerExit.CANNOT_LISTEN.code();
      }
      worker.devices().start(DeviceWatch.INTERVAL);
      ServedModel served = ModelStart.serve(worker, clock, loader(worker, clock)::load);
      events.ready(served.id(), (System.nanoTime() - startNanos) / 1e9, served.facts());
      warmUpConstraints(served);
      return 0;
    } catch (ModelLoadException refused) {
      return modelFailed(worker, refused);
    } catch (RuntimeException | Error broken) {
      return modelFailed(worker, ModelStart.failure(broken));
    }
  }

  private ModelLoader loader(Worker worker, EpochClock clock) {
    return new ModelLoader(
        modelOptions(),
        clock,
        (done, total) -> {
          worker.progress().update(done, total);
          events.loading(done, total);
        });
  }

  /**
   * On a thread that has nothing else to do; who serves does not wait for it. Nothing that breaks
   * here takes back that the worker is ready.
   */
  private static void warmUpConstraints(ServedModel served) {
    try {
      if (served.facts().task() == ModelTask.GENERATE) {
        ConstraintWarmUp.run(served.constraints().vocabulary());
      }
    } catch (RuntimeException | VirtualMachineError | LinkageError broken) {
      LoggerFactory.getLogger(WorkerMain.class).warn("constraints_not_warmed_up", broken);
    }
  }

  /** Ends the process: nothing of this worker's is served any more. */
  private void engineLost(String reason, String message) {
    exit = WorkerExit.ofLost(message);
    events.failed(reason, message);
    int code = exit.code();
    ending(
        task -> Thread.ofPlatform().name("engine-lost").start(task),
        () -> System.exit(code),
        () -> Runtime.getRuntime().halt(code));
  }

  /**
   * Ends from a thread of its own, since the shutdown hook needs the event loop; where the system
   * has no thread left, at once and without the hook.
   */
  static void ending(Consumer<Runnable> thread, Runnable inOrder, Runnable atOnce) {
    try {
      thread.accept(inOrder);
    } catch (RuntimeException | Error none) {
      System.out.flush();
      atOnce.run();
    }
  }

  private int modelFailed(Worker worker, ModelLoadException refused) {
    String message = String.valueOf(refused.getMessage());
    worker.lifecycle().fail(refused.reason(), message);
    events.failed(refused.reason(), message);
    exit = WorkerExit.of(refused);
    return exit.code();
  }

  /** The parent holds the other end of standard input; however it ends, that end closes. */
  private void waitForParent() {
    try {
      while (System.in.read() >= 0) {
        // What it says does not matter.
      }
    } catch (IOException closed) {
      // An end as well.
    }
    System.exit(0);
  }

  /** The shutdown hook. A signal would end the process with its number, so the hook ends it. */
  private void terminate(Worker worker) {
    try {
      worker.terminate().toCompletableFuture().get(closingSeconds(), TimeUnit.SECONDS);
    } catch (InterruptedException | ExecutionException | TimeoutException late) {
      Logger log = LoggerFactory.getLogger(WorkerMain.class);
      log.warn("termination_incomplete", late);
    }
    System.out.flush();
    Runtime.getRuntime().halt(exit.code());
  }

  /** A lost engine finishes nothing, and one that hangs cannot even be closed. */
  private long closingSeconds() {
    boolean lost = exit == WorkerExit.ENGINE_LOST || exit == WorkerExit.DEVICE_LOST;
    return CLOSING.toSeconds() + (lost ? 0 : drainTimeoutSeconds);
  }
}

package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.WorkerCommand;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.kubernetes.KubernetesDiscovery;
import dev.switchboard.gateway.store.StateFolder;
import dev.switchboard.gateway.store.StoreRoom;
import dev.switchboard.log.LogEncoder;
import dev.switchboard.log.LogFormat;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The gateway's process. Workers are spawned before anything else is loaded, since they take
 * seconds and so does the rest of this process under the agent.
 *
 * <p>System properties from the launcher: {@code switchboard.home} (the repository's root), {@code
 * switchboard.worker.classpath}, for unusual layouts {@code switchboard.state} and {@code
 * switchboard.library}, and of one that takes over {@code switchboard.shared-ports}: those of the
 * other one, with a comma between.
 */
@Command(
    name = "switchboard up",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    description = "Serves models behind an OpenAI-compatible API.")
public final class GatewayMain implements Callable<Integer> {
  /** The exit status when a port is taken; those of workers that end for it are the same. */
  private static final int CANNOT_LISTEN = 4;

  private static final String DEMO_MODEL = "native-engine/demo-model/switchboard-demo.gguf";

  @Option(names = "--model", paramLabel = "FILE.gguf", description = "Model to serve; repeatable.")
  private @Nullable List<Path> models;

  @Option(names = "--workers", description = "Workers for each model (default 2).")
  private @Nullable Integer workers;

  @Option(names = "--stages", description = "Pipeline stages of a worker (default 1).")
  private @Nullable Integer stages;

  @Option(names = "--ranks", description = "Tensor-parallel ranks of a stage (default 1).")
  private @Nullable Integer ranks;

  @Option(names = "--threads", description = "CPU threads of a rank (default: cores, shared out).")
  private @Nullable Integer threads;

  @Option(names = "--port", description = "HTTP API (default 8080).")
  private @Nullable Integer port;

  @Option(names = "--admin-port", description = "Admin API and /metrics (default 9901).")
  private @Nullable Integer adminPort;

  @Option(names = "--bind", description = "Address of the HTTP API (default 127.0.0.1).")
  private @Nullable String bind;

  @Option(names = "--config", paramLabel = "FILE.yaml", description = "Settings; flags win.")
  private @Nullable Path configFile;

  @Option(
      names = "--take-over",
      description = "Listens beside a gateway that runs here and is then stopped.")
  private boolean takeOver;

  @Option(
      names = "--accept-new-store",
      description =
          "Starts though the store has lost its API keys: the API may be open to anybody then.")
  private boolean acceptNewStore;

  private final PrintStream out;
  private final PrintStream log;

  private GatewayMain(PrintStream out, PrintStream log) {
    this.out = out;
    this.log = log;
  }

  public static void main(String[] arguments) {
    quickBuffers();
    noRenegotiation();
    GatewayMain gateway = new GatewayMain(System.out, System.err);
    CommandLine command = new CommandLine(gateway);
    command.setOverwrittenOptionsAllowed(true);
    command.setParameterExceptionHandler((wrong, given) -> gateway.refuse(wrong.getMessage()));
    System.exit(command.execute(arguments));
  }

  /**
   * Netty's own choice of an allocator takes and frees memory of the system all the time here, and
   * each time the JVM stops all threads to see that none uses it any more. Read once, when Netty is
   * loaded.
   */
  private static void quickBuffers() {
    String allocator = "io.netty.allocator.type";
    if (System.getProperty(allocator) == null) {
      System.setProperty(allocator, "pooled");
    }
  }

  /**
   * A client of TLS 1.2 may else ask for one handshake after the other on the same connection, each
   * of which costs this side a signature. Read once, when the JDK's TLS is loaded.
   */
  private static void noRenegotiation() {
    System.setProperty("jdk.tls.rejectClientInitiatedRenegotiation", "true");
  }

  /** A wrong command line, told to the launcher and to whoever reads the log. */
  private int refuse(@Nullable String complaint) {
    String message = complaint + " (./switchboard up --help lists the options)";
    new LauncherEvents(out, replica -> "").emit("failed", Map.of("message", message, "status", 2));
    log.println("switchboard: " + message);
    return 2;
  }

  @Override
  public Integer call() {
    AtomicReference<@Nullable Fleet> started = new AtomicReference<>();
    LauncherEvents events = new LauncherEvents(out, replica -> modelOf(started.get(), replica));
    try {
      return run(events, started);
    } catch (IllegalArgumentException | IllegalStateException e) {
      int status = e instanceof ListenProbe.NotListeningException ? CANNOT_LISTEN : 1;
      events.emit("failed", Map.of("message", String.valueOf(e.getMessage()), "status", status));
      log.println("switchboard: " + e.getMessage());
      return status;
    } finally {
      Fleet fleet = started.get();
      if (fleet != null) {
        fleet.close();
      }
    }
  }

  private int run(LauncherEvents events, AtomicReference<@Nullable Fleet> started) {
    NanoClock clock = new SystemClock();
    GatewayConfig config = config();
    LogEncoder.format(config.log().lines());
    ListenerTls.check(config);
    String shared = System.getProperty("switchboard.shared-ports", "");
    if (!takeOver || !shared.isEmpty()) {
      ListenProbe.check(config, takeOver ? List.of(shared.split(",")) : List.of());
    }
    StoreRoom.check(config.store());
    KubernetesDiscovery.@Nullable Wanted _ = Discovery.wanted(config, Instant.now());
    Path home = home();
    Fleet fleet =
        new Fleet(
            config.startedWorkers(),
            config.circuit(),
            served(config, home),
            config.upstreams(),
            workerCommand(home, config.log().lines()),
            clock,
            events,
            log);
    fleet.expect(config.discovery().kubernetes().names());
    started.set(fleet);
    fleet.start();
    double bootSeconds =
        (System.currentTimeMillis() - ManagementFactory.getRuntimeMXBean().getStartTime()) / 1000.0;
    CompletableFuture<Integer> exit = new CompletableFuture<>();
    Signals.onEach(List.of("TERM", "INT"), () -> exit.complete(0));
    CompletableFuture<Gateway> running = new CompletableFuture<>();
    // Unheard it would end the process; during the start it waits for that.
    Signals.onEach(List.of("HUP"), () -> Thread.ofVirtual().start(() -> running.join().reload()));
    Gateway gateway =
        Gateway.start(
            config,
            new StateFolder(state().toAbsolutePath().normalize(), acceptNewStore),
            fleet,
            events,
            clock,
            bootSeconds,
            () -> exit.complete(fleet.despairStatus()),
            () -> mayListen(fleet, exit),
            source(),
            wanted -> served(wanted, home));
    new WarmUp(config.http().warmUpRequests(), clock, gateway::busy, events).start();
    running.complete(gateway);
    int status = exit.join();
    gateway.stop();
    return status;
  }

  /**
   * Who takes over listens only when it can serve: the port is shared, so requests come to it from
   * then on, which the other gateway could have answered. A server that does not answer keeps it
   * from nothing that others serve.
   */
  private boolean mayListen(Fleet fleet, CompletableFuture<Integer> exit) {
    if (!takeOver || fleet.everyModelReady()) {
      return true;
    }
    if (fleet.hopeless()) {
      throw new IllegalStateException(fleet.despair());
    }
    if (exit.isDone()) {
      throw new IllegalStateException("it was stopped before it could serve");
    }
    if (!fleet.settled(fleet.patience())) {
      return false;
    }
    if (!fleet.anyReady()) {
      throw new IllegalStateException("it could serve no model: " + waiting(fleet));
    }
    return true;
  }

  private static String waiting(Fleet fleet) {
    return fleet.notServing().stream()
        .map(replica -> replica.model() + " at " + replica.id() + ": " + replica.reason())
        .collect(Collectors.joining("; "));
  }

  private static String modelOf(@Nullable Fleet fleet, String replica) {
    Replica found = fleet == null ? null : fleet.find(replica);
    return found == null ? "" : found.model();
  }

  private ConfigSource source() {
    return new ConfigSource() {
      @Override
      public GatewayConfig read() {
        return config();
      }

      @Override
      public ConfigOrigins origins() {
        return ConfigOrigins.of(configFile, flags());
      }
    };
  }

  /** Those that were given, by the keys that they set. */
  private Map<String, String> flags() {
    Map<String, String> flags = new HashMap<>();
    flag(flags, "workers.local", "--workers", workers);
    flag(flags, "workers.stages", "--stages", stages);
    flag(flags, "workers.ranks", "--ranks", ranks);
    flag(flags, "workers.threads", "--threads", threads);
    flag(flags, "http.port", "--port", port);
    flag(flags, "admin.port", "--admin-port", adminPort);
    flag(flags, "http.bind", "--bind", bind);
    flag(flags, "models", "--model", models);
    return flags;
  }

  private static void flag(
      Map<String, String> flags, String key, String flag, @Nullable Object given) {
    if (given != null) {
      flags.put(key, flag);
    }
  }

  private GatewayConfig config() {
    GatewayConfig read = ConfigReader.read(configFile, this::flags, ConfigChecks::outside);
    return read.withStore(read.store().under(state()));
  }

  private void flags(ObjectNode tree) {
    set(tree, "workers", "local", workers);
    set(tree, "workers", "stages", stages);
    set(tree, "workers", "ranks", ranks);
    set(tree, "workers", "threads", threads);
    set(tree, "http", "port", port);
    set(tree, "admin", "port", adminPort);
    if (bind != null) {
      tree.withObject("/http").put("bind", bind);
    }
    if (models != null) {
      ArrayNode list = tree.putArray("models");
      for (Path model : models) {
        list.addObject().put("file", model.toAbsolutePath().toString());
      }
    }
  }

  /** The repository's root. */
  static Path home() {
    return Path.of(System.getProperty("switchboard.home", ".")).toAbsolutePath().normalize();
  }

  /** Where state lies that no setting names a place for. */
  private static Path state() {
    String given = System.getProperty("switchboard.state", "");
    return given.isEmpty()
        ? Path.of(System.getProperty("switchboard.home", "."), "data")
        : Path.of(given);
  }

  private static void set(ObjectNode tree, String section, String key, @Nullable Integer value) {
    if (value != null) {
      tree.withObject("/" + section).put(key, value);
    }
  }

  /** The configured models, or the demonstration model when nothing is configured. */
  static List<ModelSpec> served(GatewayConfig config, Path home) {
    List<ModelSpec> specs = named(config, home);
    for (ModelSpec spec : specs) {
      if (!Files.isReadable(spec.file())) {
        throw new IllegalArgumentException("cannot read the model " + spec.file());
      }
    }
    return specs;
  }

  /** The same, whether their files are there or not. */
  static List<ModelSpec> named(GatewayConfig config, Path home) {
    List<ModelSpec> specs = config.models();
    boolean elsewhere =
        !config.upstreams().isEmpty()
            || config.discovery().kubernetes().enabled()
            || !config.autoscaling().fromZero().isEmpty();
    if (specs.isEmpty() && !elsewhere) {
      String demo = System.getProperty("switchboard.demo-model", DEMO_MODEL);
      specs = List.of(new ModelSpec(home.resolve(demo), null, null));
    }
    return specs;
  }

  private static WorkerCommand workerCommand(Path home, LogFormat log) {
    String library = System.getProperty("switchboard.library", "");
    return new WorkerCommand(
        Path.of(System.getProperty("java.home"), "bin", "java"),
        System.getProperty("switchboard.worker.classpath", System.getProperty("java.class.path")),
        library.isEmpty()
            ? home.resolve("native-engine/build/release/libswitchboard.so")
            : Path.of(library),
        startupCache(),
        sockets(),
        log);
  }

  /**
   * A folder of mode 0700 with a short path that is this process's alone: two gateways that share a
   * folder for their state have workers of the same names, and an address of a Unix socket is 107
   * bytes long at most.
   */
  private static Path sockets() {
    try {
      return SocketFolder.make(Path.of(System.getProperty("java.io.tmpdir")));
    } catch (IOException e) {
      throw new IllegalStateException(
          "cannot make a folder for the workers' sockets in "
              + System.getProperty("java.io.tmpdir")
              + " (Java's property java.io.tmpdir): "
              + e,
          e);
    }
  }

  /** Written by the launcher's build; a worker starts without one too. */
  private static @Nullable Path startupCache() {
    String cache = System.getProperty("switchboard.worker.startup-cache", "");
    return cache.isEmpty() || !Files.isReadable(Path.of(cache)) ? null : Path.of(cache);
  }
}

package dev.switchboard.worker;

import dev.switchboard.timeline.EpochClock;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.ZoneId;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * A worker's process: command line, clock, randomness and signals.
 *
 * <p>Standard output is for a supervisor, one JSON object a line ({@link MachineEvents}); logs go
 * to standard error. Exit status: 0 after a termination signal or the parent's end, 2 for a bad
 * command line, 3 when the model cannot be served.
 */
@Command(
    name = "switchboard worker",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Serves one model over HTTP.")
public final class WorkerMain implements Callable<Integer> {
  private static final Logger LOG = LoggerFactory.getLogger(WorkerMain.class);
  private static final int MODEL_FAILED = 3;
  private static final long TERMINATION_SLACK_SECONDS = 2;

  @Option(names = "--model", required = true, paramLabel = "FILE.gguf", description = "model file")
  private Path model = Path.of("");

  @Option(
      names = {"--model-name", "--name"},
      description = "how requests call it (default: the file's own name)")
  private @Nullable String name;

  @Option(names = "--id", defaultValue = "w0", description = "replica name (${DEFAULT-VALUE})")
  private String id = "w0";

  @Option(names = "--port", defaultValue = "0", description = "HTTP port, 0 takes a free one")
  private int port;

  @Option(names = "--bind", defaultValue = "127.0.0.1", description = "address to listen on")
  private String bind = "127.0.0.1";

  @Option(names = "--stages", defaultValue = "1", description = "pipeline stages")
  private int stages;

  @Option(names = "--ranks", defaultValue = "1", description = "tensor-parallel ranks of a stage")
  private int ranks;

  @Option(names = "--threads", defaultValue = "1", description = "CPU threads of a rank")
  private int threads;

  @Option(names = "--library", description = "path of libswitchboard.so")
  private @Nullable Path library;

  @Option(names = "--context", defaultValue = "0", description = "longest sequence (the model's)")
  private int context;

  @Option(names = "--kv-memory", defaultValue = "512", description = "KV pool bound, MiB")
  private int kvMemoryMib;

  @Option(names = "--max-sequences", defaultValue = "64", description = "sequences live at once")
  private int sequences;

  @Option(names = "--step-tokens", defaultValue = "512", description = "token budget of a step")
  private int stepTokens;

  @Option(names = "--chat-template", description = "Jinja file in place of the model's template")
  private @Nullable Path chatTemplate;

  @Option(names = "--allow-fault-injection", description = "allow POST /engine/v1/faults")
  private boolean allowFaultInjection;

  @Option(names = "--exit-with-parent", description = "exit when standard input ends")
  private boolean exitWithParent;

  public static void main(String[] arguments) {
    System.exit(new CommandLine(new WorkerMain()).execute(arguments));
  }

  @Override
  public Integer call() throws InterruptedException {
    if (library != null) {
      System.setProperty("switchboard.library", library.toAbsolutePath().toString());
    }
    if (exitWithParent) {
      Thread.ofPlatform().daemon().name("parent-watch").start(WorkerMain::haltWithParent);
    }
    MachineEvents events = new MachineEvents(System.out);
    EpochClock clock = EpochClock.system();
    Worker worker = worker(clock);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> terminate(worker), "terminate"));
    try {
      int listening = worker.listen().toCompletableFuture().get();
      events.listening(listening, ProcessHandle.current().pid());
      load(worker, clock, events);
    } catch (ModelLoadException e) {
      return failed(worker, events, e.reason(), String.valueOf(e.getMessage()));
    } catch (ExecutionException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      String reason = cause instanceof ModelLoadException load ? load.reason() : "start";
      return failed(worker, events, reason, String.valueOf(cause.getMessage()));
    }
    new CountDownLatch(1).await();
    return 0;
  }

  private Worker worker(EpochClock clock) {
    VertxOptions one = new VertxOptions().setEventLoopPoolSize(1).setWorkerPoolSize(2);
    WorkerSettings settings =
        WorkerSettings.defaults(id, bind, port).withFaultInjection(allowFaultInjection);
    return new Worker(Vertx.vertx(one), settings, clock, new SecureRandom()::nextLong);
  }

  private void load(Worker worker, EpochClock clock, MachineEvents events)
      throws ModelLoadException, InterruptedException, ExecutionException {
    ModelLoader.Options options =
        new ModelLoader.Options(
            model,
            name,
            stages,
            ranks,
            threads,
            context,
            kvMemoryMib,
            sequences,
            stepTokens,
            chatTemplate,
            allowFaultInjection);
    ServedModel served =
        new ModelLoader(options, clock, Clock.system(ZoneId.systemDefault()))
            .load(
                (done, total) -> {
                  worker.progress().update(done, total);
                  events.loading(done, total);
                });
    worker.serve(served).toCompletableFuture().get();
    events.ready(served.id(), secondsSinceStart());
  }

  private static double secondsSinceStart() {
    long started = ManagementFactory.getRuntimeMXBean().getStartTime();
    return (System.currentTimeMillis() - started) / 1000.0;
  }

  private static int failed(Worker worker, MachineEvents events, String reason, String message) {
    worker.lifecycle().fail(reason, message);
    LOG.error("model_failed reason={} {}", reason, message);
    events.failed(reason, message);
    return MODEL_FAILED;
  }

  private static void terminate(Worker worker) {
    long limit = WorkerSettings.defaults("", "", 0).drainLimit().toSeconds();
    try {
      worker
          .terminate()
          .toCompletableFuture()
          .get(limit + TERMINATION_SLACK_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException e) {
      LOG.warn("termination_incomplete {}", String.valueOf(e.getMessage()));
    }
  }

  /** A supervisor that is gone can neither restart nor route to this process. */
  private static void haltWithParent() {
    try (InputStream parent = System.in) {
      while (parent.read() >= 0) {
        // The parent writes nothing; only its end counts.
      }
    } catch (IOException e) {
      LOG.debug("standard input broke", e);
    }
    Runtime.getRuntime().halt(0);
  }
}

package dev.switchboard.gateway.bench;

import com.sun.management.ThreadMXBean;
import dev.switchboard.gateway.agent.SpanCounts;
import dev.switchboard.gateway.bench.RecordedRequest.Extent;
import dev.switchboard.gateway.telemetry.ExporterThreads;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.context.Context;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.Callable;
import javax.management.JMException;
import javax.management.ObjectName;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * What the spans of a request cost the thread that makes them, and the agent's threads that export
 * them: a program that runs under the agent, as a gateway does, so that the SDK, what is between it
 * and the application, its queue and its exporter are those of a gateway. Batches take turns, each
 * small enough for the queue, and the next one waits until all spans of the last are exported: a
 * span that finds no place is cheaper, and would flatter. Processor time is counted, not time, so
 * that whatever else the machine does costs little.
 *
 * <p>Prints {@code sample WHAT MICROS KIB EXPORTER_MICROS} for each batch, all of one request, and
 * {@code done}.
 */
@Command(name = "span-bench")
final class SpanBench implements Callable<Integer> {
  private static final int BATCH = 200;
  private static final int POLL_MS = 2;
  private static final long EXPORTED_WITHIN_NANOS = 30_000_000_000L;

  @Option(names = "--warm-seconds", required = true)
  private double warmSeconds;

  @Option(names = "--seconds", required = true)
  private double seconds;

  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private final ExporterThreads exporter = new ExporterThreads();
  private final RecordedRequest request =
      new RecordedRequest(GlobalOpenTelemetry.getTracer("switchboard-gateway"));
  private final Random random = new Random(1);

  public static void main(String[] arguments) {
    System.exit(new CommandLine(new SpanBench()).execute(arguments));
  }

  @Override
  public Integer call() throws Exception {
    rounds(warmSeconds, false);
    rounds(seconds, true);
    System.out.println("done");
    return 0;
  }

  private void rounds(double lasting, boolean told) throws Exception {
    long end = System.nanoTime() + (long) (lasting * 1e9);
    List<Extent> order = new ArrayList<>(Arrays.asList(Extent.values()));
    while (System.nanoTime() < end) {
      Collections.shuffle(order, random);
      for (Extent each : order) {
        String sample = batch(each);
        if (told) {
          System.out.println(sample);
        }
      }
    }
  }

  private String batch(Extent told) throws Exception {
    Context[] servers = new Context[BATCH];
    Arrays.setAll(servers, i -> request.begin());
    long exported = count("Exported");
    long exporterNanos = exporter.cpuNanos();
    long bytes = threads.getCurrentThreadAllocatedBytes();
    long nanos = threads.getCurrentThreadCpuTime();
    for (Context server : servers) {
      request.tell(server, told);
    }
    nanos = threads.getCurrentThreadCpuTime() - nanos;
    bytes = threads.getCurrentThreadAllocatedBytes() - bytes;
    awaitExported(exported + (long) BATCH * told.spans());
    exporterNanos = exporter.cpuNanos() - exporterNanos;
    return String.format(
        Locale.ROOT,
        "sample %s %.3f %.3f %.3f",
        told,
        nanos / 1e3 / BATCH,
        bytes / 1024.0 / BATCH,
        exporterNanos / 1e3 / BATCH);
  }

  private void awaitExported(long wanted) throws InterruptedException {
    long end = System.nanoTime() + EXPORTED_WITHIN_NANOS;
    while (count("Exported") < wanted) {
      if (count("Dropped") + count("Failed") > 0) {
        throw new IllegalStateException("spans were lost");
      }
      if (System.nanoTime() > end) {
        throw new IllegalStateException("spans are not exported");
      }
      Thread.sleep(POLL_MS);
    }
  }

  /** As the agent's extension has it. */
  private static long count(String attribute) {
    try {
      return (Long)
          ManagementFactory.getPlatformMBeanServer()
              .getAttribute(new ObjectName(SpanCounts.NAME), attribute);
    } catch (JMException e) {
      throw new IllegalStateException("not under the agent with its extension", e);
    }
  }
}

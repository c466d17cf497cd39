package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.descriptors.OpenFiles;
import java.io.IOException;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryUsage;
import java.lang.management.ThreadInfo;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What this process and its machine say of themselves, without what might be secret. */
final class HostFacts {
  private static final int MOST_BYTES = 64 << 10;

  /** Of the machine and of the control group, in which a container has its own. */
  private static final List<String> FILES =
      List.of(
          "/proc/version",
          "/proc/loadavg",
          "/proc/meminfo",
          "/proc/self/status",
          "/proc/self/cgroup",
          "/proc/pressure/cpu",
          "/proc/pressure/memory",
          "/proc/pressure/io",
          "/sys/fs/cgroup/cpu.max",
          "/sys/fs/cgroup/memory.max",
          "/sys/fs/cgroup/memory.current",
          "/sys/kernel/mm/transparent_hugepage/enabled",
          "/etc/os-release");

  private HostFacts() {}

  static ObjectNode host() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("os", System.getProperty("os.name") + " " + System.getProperty("os.version"));
    json.put("architecture", System.getProperty("os.arch"));
    json.put("processors", Runtime.getRuntime().availableProcessors());
    OpenFiles files = OpenFiles.now();
    json.putObject("open_files").put("open", files.open()).put("limit", files.limit());
    ObjectNode told = json.putObject("files");
    FILES.forEach(file -> told.put(file, read(Path.of(file))));
    return json;
  }

  private static @Nullable String read(Path file) {
    try (var in = Files.newInputStream(file)) {
      return new String(in.readNBytes(MOST_BYTES), StandardCharsets.UTF_8);
    } catch (IOException e) {
      return null;
    }
  }

  /** Versions and options of the JVM; of a property only the name. */
  static ObjectNode jvm() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    var runtime = ManagementFactory.getRuntimeMXBean();
    json.put("name", runtime.getVmName()).put("version", runtime.getVmVersion());
    json.put("vendor", runtime.getVmVendor()).put("uptime_ms", runtime.getUptime());
    ArrayNode options = json.putArray("options");
    for (String option : runtime.getInputArguments()) {
      options.add(option.startsWith("-D") ? option.replaceFirst("=.*", "=…") : option);
    }
    return json;
  }

  static ObjectNode memory() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    var memory = ManagementFactory.getMemoryMXBean();
    json.set("heap", usage(memory.getHeapMemoryUsage()));
    json.set("beside", usage(memory.getNonHeapMemoryUsage()));
    ObjectNode pools = json.putObject("pools");
    for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
      pools.set(pool.getName(), usage(pool.getUsage()));
    }
    ObjectNode buffers = json.putObject("buffers");
    for (BufferPoolMXBean pool : ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class)) {
      buffers
          .putObject(pool.getName())
          .put("count", pool.getCount())
          .put("bytes", pool.getMemoryUsed());
    }
    ObjectNode collectors = json.putObject("collectors");
    for (GarbageCollectorMXBean each : ManagementFactory.getGarbageCollectorMXBeans()) {
      collectors
          .putObject(each.getName())
          .put("collections", each.getCollectionCount())
          .put("ms", each.getCollectionTime());
    }
    return json;
  }

  private static ObjectNode usage(MemoryUsage usage) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("used_bytes", usage.getUsed())
        .put("committed_bytes", usage.getCommitted())
        .put("max_bytes", usage.getMax());
  }

  /** What each thread does, with what it holds and waits for. */
  static String threads() {
    StringBuilder text = new StringBuilder();
    for (ThreadInfo thread : ManagementFactory.getThreadMXBean().dumpAllThreads(true, true)) {
      text.append('"').append(thread.getThreadName()).append("\" ").append(thread.getThreadState());
      if (thread.getLockName() != null) {
        text.append(" on ").append(thread.getLockName());
        text.append(" of ").append(thread.getLockOwnerName());
      }
      text.append('\n');
      for (StackTraceElement frame : thread.getStackTrace()) {
        text.append("\tat ").append(frame).append('\n');
      }
      text.append('\n');
    }
    return text.toString();
  }
}

package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;

class ProcessorTimeTest {
  @Test
  void itIsWhatAProcessSaysOfItself() throws IOException {
    var own =
        (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    assertEquals(
        own.getProcessCpuTime() / 1e9, ProcessorTime.seconds(ProcessHandle.current().pid()), 0.5);
  }

  @Test
  void aProcessThatIsGoneHasNone() throws Exception {
    Process process = new ProcessBuilder("true").start();
    process.waitFor();

    assertThrows(IOException.class, () -> ProcessorTime.seconds(process.pid()));
  }
}

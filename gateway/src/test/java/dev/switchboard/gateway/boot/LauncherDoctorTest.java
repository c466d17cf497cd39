package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How much memory {@code doctor} counts: what the tightest control group leaves. */
class LauncherDoctorTest {
  private static final Path LAUNCHER =
      Path.of(System.getProperty("switchboard.home", "..")).resolve("launcher").toAbsolutePath();
  private static final long MIB = 1 << 20;

  @TempDir private Path folder;
  private Path outer;
  private Path own;

  /** Groups below each other, of which this test's process is in the lowest. */
  @BeforeEach
  void groups() throws Exception {
    outer = folder.resolve("outer");
    own = Files.createDirectories(outer.resolve("inner"));
  }

  private static void limit(Path group, String most, long used, long cache) throws Exception {
    Files.writeString(group.resolve("memory.max"), most + "\n");
    Files.writeString(group.resolve("memory.current"), used + "\n");
    Files.writeString(
        group.resolve("memory.stat"), "anon 1\ninactive_file " + cache + "\nactive_file 1\n");
  }

  /** What a function of the launcher prints, with the groups of this test in place of its own. */
  private String told(String function) throws Exception {
    String script =
        "source \"$0\"/doctor.sh; say() { printf '%s\\n' \"$*\"; };"
            + " sed() { [[ $* == */proc/self/cgroup ]] && say /outer/inner || command sed \"$@\"; };"
            + " awk() { [[ $* == */proc/meminfo ]] && say 9000 || command awk \"$@\"; }; "
            + function;
    ProcessBuilder bash = new ProcessBuilder("bash", "-euc", script, LAUNCHER.toString());
    bash.environment().put("SWITCHBOARD_CGROUP_ROOT", folder.toString());
    Process process = bash.redirectError(ProcessBuilder.Redirect.INHERIT).start();
    String told = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), told);
    return told;
  }

  @Test
  void withoutALimitItIsTheMachines() throws Exception {
    limit(own, "max", 0, 0);

    assertEquals("9000", told("free_memory_mib"));
    assertEquals("", told("memory_limit"));
  }

  @Test
  void theGroupsLimitCountsLessWhatIsUsedAndCannotBeGivenBack() throws Exception {
    limit(own, Long.toString(2000 * MIB), 700 * MIB, 100 * MIB);

    assertEquals("1400", told("free_memory_mib"));
    assertEquals(" of the 2000 that this control group may use", told("memory_limit"));
  }

  @Test
  void theTightestOfGroupsAroundItCounts() throws Exception {
    limit(own, Long.toString(4000 * MIB), 0, 0);
    limit(outer, Long.toString(3000 * MIB), 2500 * MIB, 0);

    assertEquals("500", told("free_memory_mib"));
    assertEquals(" of the 3000 that this control group may use", told("memory_limit"));
  }

  @Test
  void killsForWantOfMemoryAreCounted() throws Exception {
    assertEquals("0", told("killed_for_memory").strip());

    Files.writeString(own.resolve("memory.events"), "low 0\noom 3\noom_kill 2\n");

    assertEquals("2", told("killed_for_memory").strip());
  }
}

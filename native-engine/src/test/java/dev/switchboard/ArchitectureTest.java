package dev.switchboard;

import static com.tngtech.archunit.core.domain.JavaAccess.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import dev.switchboard.timers.Timers;
import dev.switchboard.timers.VertxTimers;
import io.vertx.core.Vertx;

/** Which package may know which: what the design says in words. */
@AnalyzeClasses(packages = "dev.switchboard", importOptions = ImportOption.DoNotIncludeTests.class)
final class ArchitectureTest {

  @ArchTest
  static final ArchRule packagesHaveNoCycles =
      slices().matching("dev.switchboard.(*)..").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule onlyTheWorkerItsFramingAndItsTimersKnowVertx =
      noClasses()
          .that()
          .resideOutsideOfPackages("dev.switchboard.worker..", "dev.switchboard.framing..")
          .and()
          .doNotBelongToAnyOf(VertxTimers.class)
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("io.vertx..", "io.netty..");

  /** Tests let time pass by hand, which they can only where it is waited for by {@link Timers}. */
  @ArchTest
  static final ArchRule onlyTimersWait =
      noClasses()
          .that()
          .doNotBelongToAnyOf(VertxTimers.class)
          .should()
          .accessTargetWhere(
              target(owner(assignableTo(Vertx.class)))
                  .and(target(nameMatching("setTimer|setPeriodic|cancelTimer|timer"))));

  @ArchTest
  static final ArchRule foreignMemoryStaysInGgufAndExecutor =
      noClasses()
          .that()
          .resideOutsideOfPackages("dev.switchboard.gguf..", "dev.switchboard.executor..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("java.lang.foreign..");

  @ArchTest
  static final ArchRule openAiTypesLoadNothingNative =
      noClasses()
          .that()
          .resideInAnyPackage("dev.switchboard.openai..", "dev.switchboard.timeline..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.switchboard.executor..",
              "dev.switchboard.gguf..",
              "dev.switchboard.scheduler..",
              "dev.switchboard.worker..");

  @ArchTest
  static final ArchRule chatTemplatesCannotReachTheMachine =
      noClasses()
          .that()
          .resideInAPackage("dev.switchboard.chat..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "java.lang.reflect..",
              "java.io..",
              "java.nio.file..",
              "java.net..",
              "java.lang.invoke..");

  @ArchTest
  static final ArchRule nothingButTheWorkerStartsThings =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.switchboard.worker..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("dev.switchboard.worker..", "picocli..");

  @ArchTest
  static final ArchRule schedulerTakesItsClockAsAnArgument =
      noClasses()
          .that()
          .haveNameMatching("dev\\.switchboard\\.(scheduler\\.Scheduler|kv\\.).*")
          .should()
          .callMethod(System.class, "nanoTime")
          .orShould()
          .callMethod(System.class, "currentTimeMillis");
}

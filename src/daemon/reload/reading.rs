//! What the files say when they are read, at the start and at every reload: the configuration, all or nothing, and what is
//! declared. Never knows who goes by it.

use crate::daemon::config::Config;
use crate::daemon::declared::Declared;
use crate::io::power;
use crate::units::{Place, Problem, Severity};

/// What holds by the files, and what is wrong with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub config: Config,
    /// What of the configuration is kept back, or waits for a restart.
    pub problems: Vec<Problem>,
    pub declared: Declared,
}

impl Reading {
    /// At the start, by a configuration that was just loaded.
    pub fn first(config: &Config) -> Reading {
        let declared = Declared::read(&config.slos, &config.base, &[]);
        Reading { config: config.clone(), problems: Vec::new(), declared }
    }

    /// As the files are by now. What is wrong with them stays as it is in this one.
    pub fn again(&self) -> Reading {
        match Config::load(self.config.overrides.clone()).and_then(|config| sound(config, &self.config)) {
            Ok(config) => {
                let (config, problems) = until_a_restart(config, &self.config);
                let declared = Declared::read(&config.slos, &config.base, &self.declared.slos);
                Reading { config, problems, declared }
            }
            Err(problems) => self.with_its_configuration(problems),
        }
    }

    /// With the configuration as it is in this one, for these problems with a newer one.
    pub fn with_its_configuration(&self, mut problems: Vec<Problem>) -> Reading {
        problems.iter_mut().for_each(|problem| problem.remedy += "; until then the configuration stays as it was");
        let declared = Declared::read(&self.config.slos, &self.config.base, &self.declared.slos);
        Reading { config: self.config.clone(), problems, declared }
    }

    /// Why some of what the files say does not hold.
    pub fn kept_back(&self) -> Vec<Problem> {
        self.problems.iter().chain(self.declared.kept_back()).cloned().collect()
    }
}

/// At the start a wrong channel is left out and keeps nothing else from running; later that would take away a right one.
fn sound(config: Config, running: &Config) -> Result<Config, Vec<Problem>> {
    let is_wrong = config.notify_problems.iter().any(|problem| problem.severity == Severity::Error);
    if is_wrong && config.notify_problems != running.notify_problems {
        return Err(config.notify_problems);
    }
    Ok(config)
}

/// With what only a start takes up as it is `running`, and that this is so where it should be another.
fn until_a_restart(config: Config, running: &Config) -> (Config, Vec<Problem>) {
    let has_other_expression = config.source != running.source && running.carbon.expression.is_some();
    let waiting = [
        ("web.listen", config.web.listen != running.web.listen),
        ("state.path", config.state != running.state),
        ("power", placeless(&config.power) != placeless(&running.power)),
        ("carbon", config.carbon != running.carbon || has_other_expression),
        ("log.format", config.log.format != running.log.format),
    ];
    let waiting = waiting.into_iter().filter(|(_, is_other)| *is_other);
    let problem = |(key, _)| {
        Problem::warning(
            "restart",
            format!("{key} is taken up by a start only"),
            "restart burnwatch, or undo the change",
        )
    };
    let problems = waiting.map(problem).collect();
    let mut held =
        Config { state: running.state.clone(), power: running.power.clone(), carbon: running.carbon.clone(), ..config };
    held.web.listen = running.web.listen.clone();
    held.log.format = running.log.format;
    (held.pace.metering, held.pace.power_limit) = (running.pace.metering.clone(), running.pace.power_limit.clone());
    (held, problems)
}

/// Wherever in the file it is written.
fn placeless(power: &power::Config) -> power::Config {
    let mut power = power.clone();
    power.services.iter_mut().for_each(|service| service.place = Place::of_file(""));
    power
}

"""What a user may get wrong: this module imports something that is not installed."""

import a_library_that_nobody_installed

crew = [a_library_that_nobody_installed.work]

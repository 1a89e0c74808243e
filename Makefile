# ordermonit. `make` alone says what there is to make.

SHELL = /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The system's Python where there is one, so that a service user can run what is installed. Looked for
# at each use: the packages that a target needs may have brought it meanwhile.
PYTHON = $(shell command -v /usr/bin/python3 || echo python3)
PIP = .venv/bin/python -m pip --quiet --disable-pip-version-check
REQUIREMENTS = packaging/requirements-build.txt packaging/requirements.txt
TRANSLATIONS = $(wildcard ordermonit/locale/*/LC_MESSAGES/*.po)

.PHONY: help
help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: test
test: test-packages .venv/ready build/ready build/axe/ready ## Run every test and linter (installs what they need, if root)
	.venv/bin/python -m pytest

.PHONY: demo
demo: demo-packages .venv/runtime ## Show the service at work on an embedded shop, node and ERP
	.venv/bin/python -m tests.demo

.PHONY: pictures
pictures: test-packages .venv/ready build/ready ## Draw docs/pictures from a real run in a machine of its own (root)
	.venv/bin/python -m pytest -n0 tests/system/pictures.py

.PHONY: grafana
grafana: grafana-packages .venv/ready ## Try the dashboard's queries on a Prometheus, and it on Grafana's types (npm)
	.venv/bin/python -m pytest -n0 tests/reports/grafana.py

.PHONY: nights
nights: test-packages .venv/ready ## Play five nights of the person on call; writes docs/nights.md
	.venv/bin/python -m tests.nights

.PHONY: newcomer
newcomer: test-packages .venv/ready build/ready ## Install it as a newcomer does, in a machine (root); writes docs/newcomer.md
	.venv/bin/python -m pytest -n0 tests/system/newcomer.py

.PHONY: bench
bench: bench-packages .venv/ready ## Measure it beside its rivals and the limit; writes docs/benchmarks.md
	$(PIP) install -r tests/benchmarks/requirements.txt
	.venv/bin/python -m tests.benchmarks

.PHONY: torture
torture: torture-packages .venv/ready ## Kill and fail it at every point, and for a day (root); writes docs/torture.md
	.venv/bin/python -m tests.torture

.PHONY: cluster
cluster: cluster-packages .venv/ready build/ready ## Play what happens to two monitors under Pacemaker (root); writes docs/standby.md
	.venv/bin/python -m pytest -n0 -s -p no:cacheprovider tests/cluster/cluster.py

.PHONY: wings
wings: ## Draw the wings of the program into ARCHITECTURE.md
	$(PYTHON) -m tests.wings

.PHONY: words
words: .venv/ready ## Bring the translations up to the sentences of the program, and compile them
	@mkdir -p build
	.venv/bin/pybabel --quiet extract --keyword later --add-location file --output build/ordermonit.pot ordermonit
	.venv/bin/pybabel --quiet update --domain ordermonit --no-fuzzy-matching --ignore-obsolete \
	    --ignore-pot-creation-date --width 96 --input-file build/ordermonit.pot --output-dir ordermonit/locale
	.venv/bin/pybabel --quiet compile --domain ordermonit --directory ordermonit/locale

.PHONY: keys
keys: .venv/runtime ## Write the keys of the YAML files into docs/configuration.md
	.venv/bin/python packaging/generate/chapter.py docs/configuration.md

.PHONY: platforms
platforms: platforms-packages .venv/ready ## Run tests on what other Debian releases bring (root)
	.venv/bin/python -m tests.platforms

.PHONY: lint
lint: .venv/ready ## Run the linters and the type checker alone
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

.PHONY: venv
venv: .venv/ready ## Make .venv with everything pinned and this clone in it

# What judges whether everybody can read the pages; it is for the tests alone.
build/axe/ready: tests/views/axe/package.json tests/views/axe/package-lock.json | test-packages
	rm -rf build/axe
	mkdir -p build/axe
	cp tests/views/axe/package.json tests/views/axe/package-lock.json build/axe
	npm ci --prefix build/axe --silent --no-audit --no-fund --ignore-scripts
	@touch $@

.PHONY: clean
clean: ## Remove everything that was made here
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

PACKAGES = $(addsuffix -packages,test demo grafana venv deb bench torture cluster platforms)
.PHONY: $(PACKAGES)
$(PACKAGES): %-packages:
	@tests/setup/debian.sh $*

# systemd-python has no wheel, and ordermonit is installed from here: both are built with the
# pinned build packages rather than with whatever is newest today. "compat" is a path to this clone:
# setuptools' import hook would cost each start of Python 10 ms, which no installed service pays.
.venv/runtime: pyproject.toml packaging/generate/words.py ordermonit/__init__.py $(REQUIREMENTS) $(TRANSLATIONS) | venv-packages
	.venv/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(PIP) install -r packaging/requirements-build.txt
	$(PIP) install --no-build-isolation -r packaging/requirements.txt
	$(PIP) install --no-build-isolation --no-deps --config-settings editable_mode=compat --editable .
	@touch $@

# Most of the linters is never imported: compiling it all would take longer than using it.
.venv/ready: .venv/runtime tests/requirements.txt
	$(PIP) install --no-compile -r tests/requirements.txt
	@touch $@

# ---- Installing -----------------------------------------------------------------------------
# Everything about it is in packaging/install.sh; here are its inputs. GNU's variables: DESTDIR
# stages a package, prefix is where the program and what it brings go.

prefix = /usr/local
INSTALL = DESTDIR='$(DESTDIR)' prefix='$(prefix)' PYTHON='$(PYTHON)' packaging/install.sh
BUILD_PIP = build/venv/bin/python -m pip --quiet --disable-pip-version-check
GENERATES = docs/operations.md ARCHITECTURE.md $(wildcard config/*.yml packaging/man/* packaging/generate/*.py)
SOURCES = pyproject.toml packaging/generate/words.py README.md $(shell find ordermonit -name '*.py' -o -name '*.rb' -o -name 'page.*' \
	-o -name '*.po' -o -name py.typed)

.PHONY: install
install: build/ready ## Install the service, as root (prefix=/usr/local, DESTDIR)
	@$(INSTALL) install

.PHONY: uninstall
uninstall: ## Take the service away; configuration and state stay
	@$(INSTALL) uninstall

.PHONY: deb
deb: deb-packages build/ready ## Make build/ordermonit_*.deb for this Debian, and have lintian look at it
	PYTHON='$(PYTHON)' packaging/deb/build.sh
	lintian --fail-on error build/ordermonit_*.deb

# Wheels first: what needs a network and a compiler is done before anything is installed.
build/wheels/requirements: packaging/requirements-build.txt packaging/requirements.txt | venv-packages
	rm -rf build/venv build/wheels
	$(PYTHON) -m venv build/venv
	$(BUILD_PIP) install -r packaging/requirements-build.txt
	$(BUILD_PIP) wheel --no-build-isolation -w build/wheels -r packaging/requirements.txt
	$(BUILD_PIP) install --no-compile --no-index --find-links build/wheels -r packaging/requirements.txt
	@touch $@

# setuptools puts what it finds in build/lib into the wheel, even a module that is gone.
build/wheels/ordermonit: $(SOURCES) build/wheels/requirements
	rm -rf build/lib build/wheels/ordermonit-*.whl
	$(BUILD_PIP) wheel --no-build-isolation --no-deps -w build/wheels .
	@touch $@

# The man pages and the completions, from the program's own grammar and tables.
build/share/ordermonit: $(GENERATES) $(SOURCES) build/wheels/requirements
	rm -rf build/share
	PYTHONPATH=. PYTHONDONTWRITEBYTECODE=1 build/venv/bin/python packaging/generate build/share
	@touch $@

.PHONY: build/ready
build/ready: build/wheels/ordermonit build/share/ordermonit

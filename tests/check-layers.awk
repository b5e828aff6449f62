# SPDX-License-Identifier: ISC
# Prints FILE:LINE: what is wrong, for each #include that reaches up.  Runs in
# src/, over the names of the sources there.

BEGIN {
	# What each folder may include of ours, besides itself.
	may["base"] = "prong.h config.h"
	may["shm"] = "base " may["base"]
	may["loop"] = "shm " may["shm"]
	may["net"] = "loop " may["loop"]
	may["task"] = "net " may["net"]
	may["dispatch"] = "task " may["task"]
	may["server"] = "dispatch " may["dispatch"]
	may["handlers"] = "prong.h"
	may["examples"] = "prong.h"
	may["prongd"] = "handlers prong.h config.h"
	may["prongctl"] = may["server"]
	may["prongtalk"] = may["server"]
	may["prongbench"] = may["server"]
	for (folder in may) {
		n = split(may[folder], names, " ")
		for (i = 1; i <= n; i++)
			allowed[folder, names[i]] = 1
		allowed[folder, folder] = 1
	}
}

FNR == 1 {
	folder = FILENAME
	if (!sub(/\/.*/, "", folder))
		folder = ""
	if (FILENAME == "prong.h")
		nextfile
	if (!(folder in may))
		wrong("the folder has no place among the layers")
}

/^[ \t]*#[ \t]*include[ \t]*["<]/ {
	quoted = $0 ~ /^[ \t]*#[ \t]*include[ \t]*"/
	name = $0
	sub(/^[ \t]*#[ \t]*include[ \t]*["<]/, "", name)
	sub(/[">].*/, "", name)
	layer = name
	sub(/\/.*/, "", layer)
	# <sys/socket.h> and the like are the system's.
	if (!quoted && !(layer in may) && name != "prong.h")
		next
	if (layer ~ /^\./ || (layer != "prong.h" && layer != "config.h" &&
	    !(layer in may)))
		wrong("\"" name "\" does not name its layer")
	else if (folder in may && !((folder, layer) in allowed))
		wrong(folder "/ may not include \"" name "\"")
}

function wrong(what) {
	printf "%s:%d: %s\n", FILENAME, FNR, what
}
